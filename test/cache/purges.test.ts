import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPurges } from '../../src/cache/purges.ts'

test('a purge of a group reaches what departed before it, in that group alone', () => {
  const purges = createPurges()
  const before = purges.generation
  assert.equal(purges.hasReached('a/1', before), false)
  purges.ofGroup('a')
  assert.equal(purges.hasReached('a/1', before), true)
  assert.equal(purges.hasReached('a/1?id', before), true)
  assert.equal(purges.hasReached('a/1', purges.generation), false)
  for (const other of ['b/1', 'ab/1', 'aa/1', 'A/1', '/a'])
    assert.equal(purges.hasReached(other, before), false, other)
})

test('a purge of everything reaches every group, those purged before as well', () => {
  const purges = createPurges()
  purges.ofGroup('a')
  const between = purges.generation
  assert.equal(purges.hasReached('a/1', between), false)
  purges.ofEverything()
  for (const key of ['a/1', 'b/1']) {
    assert.equal(purges.hasReached(key, between), true)
    assert.equal(purges.hasReached(key, purges.generation), false)
  }
})

test('the groups are bounded in number: one too many purges everything', () => {
  const purges = createPurges()
  for (let group = 0; group < 10_000; group += 1) purges.ofGroup(`group-${group}`)
  const last = purges.generation
  assert.equal(purges.hasReached('other/1', 0), false)
  assert.equal(purges.hasReached('group-0/1', 0), true)
  purges.ofGroup('one-too-many')
  assert.equal(purges.hasReached('other/1', last), true)
  assert.equal(purges.hasReached('other/1', purges.generation), false)
  // There is room again.
  purges.ofGroup('a')
  assert.equal(purges.hasReached('other/1', purges.generation - 1), false)
})
