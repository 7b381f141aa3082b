import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { test } from 'node:test'
import type { Answer } from '../../src/cache/index.ts'
import { answer, brings, fails, notToFetch, tryCache } from './answer.ts'

const second = 1_000

test('what a trip brought is a hit while it is fresh', async () => {
  const { clock, read } = tryCache()
  const first = await read('a/1', brings('one'))
  assert.deepEqual([first.how, first.entry.body, first.ageMs, first.ttlMs], ['miss', 'one', 0, 30_000])
  clock.advance(29_999)
  const hit = await read('a/1', notToFetch)
  assert.deepEqual([hit.how, hit.entry, hit.ageMs, hit.ttlMs], ['hit', first.entry, 29_999, 1])
  assert.equal(hit.forwarded, undefined)
})

test('freshness counts from the landing of the trip, not from its departure', async () => {
  const { clock, read } = tryCache()
  const trip = Promise.withResolvers<Answer>()
  const reading = read('a/1', () => trip.promise)
  clock.advance(8 * second)
  trip.resolve(answer('late'))
  assert.deepEqual([(await reading).ageMs, (await reading).ttlMs], [0, 30_000])
})

test('a clock that is set back makes nothing fresh again, and one set forward makes everything older', async () => {
  const { clock, read } = tryCache()
  await read('a/1', brings('one'))
  clock.advance(20 * second)
  clock.set(-86_400_000)
  assert.equal((await read('a/1', notToFetch)).ageMs, 20_000)
  clock.advance(10 * second)
  assert.equal((await read('a/1', brings('two'))).how, 'stale')
  await setImmediate()
  clock.set(700 * second)
  assert.equal((await read('a/1', brings('three'))).how, 'miss')
})

test('what is not fresh any more is given at once, and asked for anew behind it, once', async () => {
  const { clock, cache, told, read } = tryCache()
  await read('a/1', brings('one'))
  clock.advance(40 * second)
  const trip = Promise.withResolvers<Answer>()
  const stale = await Promise.all([
    read('a/1', () => trip.promise),
    read('a/1', notToFetch),
    read('a/1', notToFetch),
  ])
  for (const { how, entry, ageMs, ttlMs, forwarded } of stale)
    assert.deepEqual([how, entry.body, ageMs, ttlMs, forwarded], ['stale', 'one', 40_000, -10_000, undefined])
  assert.deepEqual([cache.inTheAir, told], [1, []])
  trip.resolve(answer('two'))
  await setImmediate()
  assert.deepEqual([cache.inTheAir, told], [0, ['refreshed']])
  const hit = await read('a/1', notToFetch)
  assert.deepEqual([hit.how, hit.entry.body, hit.ageMs], ['hit', 'two', 0])
})

test('a refresh is joined by whoever cannot do with what is stale', async () => {
  const { clock, read } = tryCache()
  await read('a/1', brings('one'))
  clock.advance(80 * second)
  const trip = Promise.withResolvers<Answer>()
  assert.equal((await read('a/1', () => trip.promise)).how, 'stale')
  clock.advance(11 * second)
  const joined = read('a/1', notToFetch)
  trip.resolve(answer('two'))
  const { how, entry, forwarded } = await joined
  assert.deepEqual([how, entry.body], ['collapsed', 'two'])
  assert.deepEqual(forwarded, { why: 'stale', status: 200, isStored: true, isCollapsed: true })
})

test('a refresh that fails leaves the stale answer where it is, and is not tried again while its key rests', async () => {
  const { clock, told, read } = tryCache()
  await read('a/1', brings('one'))
  clock.advance(40 * second)
  assert.equal((await read('a/1', fails('broken'))).how, 'stale')
  await setImmediate()
  assert.deepEqual(told, ['failed behind: broken', 'not refreshed'])
  clock.advance(999)
  assert.equal((await read('a/1', notToFetch)).how, 'stale')
  await setImmediate()
  assert.equal(told.length, 2)
  clock.advance(1)
  assert.equal((await read('a/1', brings('two'))).how, 'stale')
  await setImmediate()
  assert.deepEqual([told.at(-1), (await read('a/1', notToFetch)).entry.body], ['refreshed', 'two'])
})

test('while Graph as a whole is not to be asked, nothing is asked behind stale answers, until its time or an answer', async () => {
  const { clock, told, read } = tryCache()
  for (const key of ['a/1', 'a/2', 'a/3']) await read(key, brings('one'))
  clock.advance(40 * second)
  assert.equal((await read('a/1', fails('shut'))).how, 'stale')
  await setImmediate()
  clock.advance(2 * second - 1)
  assert.equal((await read('a/2', notToFetch)).how, 'stale')
  assert.deepEqual(told, ['failed behind: shut', 'not refreshed'])
  clock.advance(1)
  assert.equal((await read('a/2', brings('two'))).how, 'stale')
  await setImmediate()
  assert.equal((await read('a/1', fails('shut'))).how, 'stale')
  await setImmediate()
  // Somebody who had to wait has got an answer: it may be asked again.
  await read('b/1', brings('other'))
  assert.equal((await read('a/3', brings('two'))).how, 'stale')
  await setImmediate()
  assert.equal((await read('a/3', notToFetch)).how, 'hit')
})

test('when Graph fails, what is kept for that is given, and says so', async () => {
  const { clock, told, read } = tryCache()
  await read('a/1', brings('one'))
  clock.advance(100 * second)
  const last = await read('a/1', fails('broken', 500))
  assert.deepEqual(
    [last.how, last.entry.body, last.ageMs, last.ttlMs],
    ['lastResort', 'one', 100_000, -70_000],
  )
  assert.deepEqual(last.forwarded, {
    why: 'stale',
    status: 500,
    isStored: false,
    isCollapsed: false,
    failure: 'broken',
  })
  assert.deepEqual(told, ['failed behind: broken'])
  // While the key rests nothing is asked, so nothing is received.
  const rested = await read('a/1', notToFetch)
  assert.deepEqual([rested.how, rested.forwarded?.status], ['lastResort', undefined])
  clock.advance(1 * second)
  assert.equal((await read('a/1', brings('two'))).how, 'expired')
})

test('everybody who waited for a trip that failed gets the last resort', async () => {
  const { clock, read } = tryCache()
  await read('a/1', brings('one'))
  clock.advance(100 * second)
  const trip = Promise.withResolvers<Answer>()
  const waiting = [read('a/1', () => trip.promise), read('a/1', notToFetch)]
  trip.reject(await read('b/1', fails('shut')).catch((error: unknown) => error))
  for (const { how } of await Promise.all(waiting)) assert.equal(how, 'lastResort')
})

test('a last resort is judged when the trip has failed: what was spent meanwhile is not given', async () => {
  const { clock, read } = tryCache()
  await read('a/1', brings('one'))
  clock.advance(629 * second)
  const trip = Promise.withResolvers<Answer>()
  const waiting = assert.rejects(
    read('a/1', () => trip.promise),
    { code: 'broken' },
  )
  clock.advance(1 * second)
  trip.reject(await read('b/1', fails('broken')).catch((error: unknown) => error))
  await waiting
})

test('nor what was purged meanwhile', async () => {
  const { clock, cache, read } = tryCache()
  await read('a/1', brings('one'))
  clock.advance(100 * second)
  const trip = Promise.withResolvers<Answer>()
  const waiting = assert.rejects(
    read('a/1', () => trip.promise),
    { code: 'broken' },
  )
  await cache.purge({ group: 'a' })
  trip.reject(await read('b/1', fails('broken')).catch((error: unknown) => error))
  await waiting
})

test('what is found to be spent is forgotten at once', async () => {
  const { clock, cache, read } = tryCache()
  await read('a/1', brings('one'))
  // In one step, and so without a sweep on the way.
  clock.set(630 * second)
  await assert.rejects(read('a/1', notToFetch, { onlyIfCached: true }), { code: 'notCached' })
  assert.equal(cache.store.entries, 0)
})

test('a refusal is no outage: nothing is given for it, and what was kept goes', async () => {
  const { clock, cache, told, read } = tryCache()
  await read('a/1', brings('one'))
  await read('a/2', brings('other'))
  clock.advance(40 * second)
  // Behind a stale answer, which is the last one that leaves.
  assert.equal((await read('a/1', fails('refused', 403))).how, 'stale')
  await setImmediate()
  assert.deepEqual(told, ['failed behind: refused', 'not refreshed'])
  assert.equal(cache.store.entries, 1)
  await assert.rejects(read('a/1', notToFetch), { code: 'refused' })
  // And where everybody waits for it.
  clock.advance(60 * second)
  await assert.rejects(read('a/2', fails('refused', 403)), { code: 'refused' })
  assert.equal(cache.store.entries, 0)
})

test('a fault of ours is no outage either, and takes nothing away', async () => {
  const { clock, cache, told, read } = tryCache()
  await read('a/1', brings('one'))
  clock.advance(100 * second)
  await assert.rejects(
    read('a/1', () => Promise.reject(new TypeError('ours'))),
    TypeError,
  )
  assert.deepEqual([cache.store.entries, told], [1, []])
})
