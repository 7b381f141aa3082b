import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quote, quoteShort } from '../../src/audit/text.ts'

test('each character of ASCII, and some others, say the same again', () => {
  for (let code = 0; code < 0x180; code += 1) {
    const text = String.fromCharCode(code)
    assert.equal(JSON.parse(quote(text)), text, String(code))
    assert.match(quote(text), /^[ -~]+$/)
  }
})

test('what only explains takes no more than 1 KiB, and all of it where it can', () => {
  for (const text of ['é'.repeat(5_000), 'x'.repeat(5_000), '🤖'.repeat(5_000)]) {
    assert.ok(quoteShort(text).length <= 1_024)
    assert.ok(quoteShort(text).length > 150)
  }
  assert.equal(quoteShort('x'.repeat(1_022)).length, 1_024)
  assert.ok(quoteShort('é'.repeat(170)).length === 1_022)
  assert.equal(JSON.parse(quoteShort('é'.repeat(171))).length, 170)
})
