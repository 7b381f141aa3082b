import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quoted } from '../../src/commands/terminal.ts'

test('what others have written is shown on one line, without tokens, and with nothing that a terminal obeys', () => {
  assert.equal(quoted('first\r\nsecond\tthird'), 'first second third')
  assert.equal(quoted('said eyJhbGciOiJSUzI1NiJ9.e30.c2ln to us'), 'said [redacted] to us')
  assert.equal(quoted('\u001b[31mred \u009b31m \u202eback'), '\\u001b[31mred \\u009b31m \\u202eback')
  assert.equal(quoted('two  spaces, ‘as they are’'), 'two  spaces, ‘as they are’')
})
