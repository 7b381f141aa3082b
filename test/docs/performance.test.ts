import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { stale } from '../../bench/document.ts'
import { measured, read } from '../../bench/results.ts'

test('the page on performance shows what was measured, its charts too', async () => {
  assert.deepEqual(await stale(), [], 'node bench/document.ts writes them')
})

test('what the page on performance judges was measured, several times where chance has a part', () => {
  const there = measured.filter((name) => existsSync(`bench/${name}.ts`))
  assert.notEqual(there.length, 0)
  for (const name of there) {
    const { figures } = read(name) ?? {}
    assert.ok(figures, `make bench measures ${name}`)
    for (const { what, measured: value, atLeast, atMost } of figures.goals) {
      assert.ok(Number.isFinite(value), `${what} was not measured`)
      assert.equal(Number(atLeast !== undefined) + Number(atMost !== undefined), 1, `${what} has one bound`)
    }
  }
})
