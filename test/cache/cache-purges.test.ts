import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { test } from 'node:test'
import type { Answer, Found } from '../../src/cache/index.ts'
import { answer, brings, fails, notToFetch, stays, tryCache } from './answer.ts'

const second = 1_000

for (const [what, scope, purged] of [
  ['a resource', { resource: 'a/1' }, ['a/1', 'a/1?id']],
  ['a group', { group: 'a' }, ['a/1', 'a/1?id', 'a/2']],
  ['everything', 'everything', ['a/1', 'a/1?id', 'a/2', 'ab/1']],
] as const) {
  const keys = ['a/1', 'a/1?id', 'a/2', 'ab/1']
  const isPurged = (key: string): boolean => purged.some((one) => one === key)

  test(`a purge of ${what} takes just that, and what is stored after it stays`, async () => {
    const { cache, read } = tryCache()
    for (const key of keys) await read(key, brings('old'))
    await cache.purge(scope)
    for (const key of keys) {
      assert.equal((await read(key, brings('new'))).entry.body, isPurged(key) ? 'new' : 'old')
      assert.equal((await read(key, notToFetch)).entry.body, isPurged(key) ? 'new' : 'old')
    }
  })

  test(`a trip begun before a purge of ${what} answers who waited, is not stored, and is joined by nobody`, async () => {
    const { cache, read } = tryCache()
    const old = new Map(keys.map((key) => [key, Promise.withResolvers<Answer>()]))
    const waiting = keys.map((key) => read(key, () => old.get(key)?.promise ?? assert.fail()))
    await cache.purge(scope)
    const later: Promise<Found>[] = []
    for (const key of keys) later.push(read(key, brings('new')))
    for (const { resolve } of old.values()) resolve(answer('old'))
    for (const { entry } of await Promise.all(waiting)) assert.equal(entry.body, 'old')
    await Promise.all(later)
    for (const key of keys)
      assert.equal((await read(key, notToFetch)).entry.body, isPurged(key) ? 'new' : 'old')
  })

  test(`a purge of ${what} ends the rest of what failed before it`, async () => {
    const { cache, read } = tryCache()
    for (const key of purged) await assert.rejects(read(key, fails('refused')))
    await cache.purge(scope)
    for (const key of purged) assert.equal((await read(key, brings('well'))).how, 'miss')
  })
}

test('a trip that fails after its key was purged leaves the key alone', async () => {
  const { cache, told, read } = tryCache()
  const old = Promise.withResolvers<Answer>()
  const waiting = assert.rejects(
    read('a/1', () => old.promise),
    { code: 'refused' },
  )
  await cache.purge({ resource: 'a/1' })
  await read('a/1', brings('new'))
  old.reject(await read('b/1', fails('refused')).catch((error: unknown) => error))
  await waiting
  assert.deepEqual([(await read('a/1', notToFetch)).entry.body, told], ['new', []])
})

test('what is spent or purged leaves the memory by itself, within ten seconds of being the oldest', async () => {
  const { clock, cache, read } = tryCache()
  await read('a/1', brings('one'))
  await read('b/1', brings('other'))
  await cache.purge({ group: 'a' })
  assert.equal(cache.store.entries, 2)
  clock.advance(10 * second)
  assert.equal(cache.store.entries, 1)
  clock.advance(619 * second)
  assert.equal(cache.store.entries, 1)
  clock.advance(10 * second)
  assert.equal(cache.store.entries, 0)
})

test('after a purge of everything the memory is emptied at once, bit by bit', async () => {
  const { clock, cache, read } = tryCache({ memoryBytes: 2 ** 30 })
  for (let key = 0; key < 2_001; key += 1) await read(`a/${key}`, brings(''))
  await cache.purge('everything')
  const left = [0, 10, 10].map((ms) => {
    clock.advance(ms)
    return cache.store.entries
  })
  assert.deepEqual(left, [1_001, 1, 0])
  assert.equal(clock.pending, 1)
})

test('once closed it starts no trip that nobody waits for, tells of none, and leaves no timer behind', async () => {
  const { clock, cache, told, read } = tryCache()
  await read('a/1', brings('one'))
  await read('b/1', brings('other'))
  clock.advance(40 * second)
  const trip = Promise.withResolvers<Answer>()
  assert.equal((await read('b/1', () => trip.promise)).how, 'stale')
  cache.close()
  assert.equal((await read('a/1', notToFetch)).how, 'stale')
  assert.equal(cache.inTheAir, 1)
  trip.reject(await read('c/1', fails('broken')).catch((error: unknown) => error))
  await setImmediate()
  await cache.purge({ group: 'c' })
  assert.deepEqual([told, clock.pending], [[], 0])
  clock.advance(100 * second)
  assert.equal((await read('a/1', brings('two'), {}, stays)).how, 'expired')
})

test('once closed, a refusal takes away what it takes away, and a purge leaves no timer behind', async () => {
  const { clock, cache, told, read } = tryCache()
  await read('a/1', brings('one'))
  cache.close()
  clock.advance(100 * second)
  await assert.rejects(read('a/1', fails('refused', 403)))
  assert.deepEqual([cache.store.entries, told], [0, []])
  await cache.purge('everything')
  assert.equal(clock.pending, 0)
})
