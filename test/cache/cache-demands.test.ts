import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer } from '../../src/cache/index.ts'
import { answer, brings, fails, notToFetch, tryCache } from './answer.ts'

const second = 1_000

test('who demands no-cache gets a trip of its own, which the later ones join and the earlier one does not undo', async () => {
  const { read } = tryCache()
  await read('a/1', brings('stored'))
  const trips = [0, 1].map(() => Promise.withResolvers<Answer>())
  const [earlier, own] = trips
  assert.ok(earlier && own)
  const joining = read('a/1', () => earlier.promise, { maxAgeMs: -1 })
  const demanding = read('a/1', () => own.promise, { noCache: true })
  const later = read('a/1', notToFetch, { maxAgeMs: -1 })
  own.resolve(answer('own'))
  assert.deepEqual(
    [(await demanding).entry.body, (await demanding).how, (await demanding).forwarded?.why],
    ['own', 'bypass', 'request'],
  )
  assert.deepEqual([(await later).entry.body, (await later).how], ['own', 'collapsed'])
  earlier.resolve(answer('earlier'))
  assert.deepEqual([(await joining).entry.body, (await joining).forwarded?.isStored], ['earlier', false])
  assert.equal((await read('a/1', notToFetch)).entry.body, 'own')
})

test('a trip that has been overtaken is stored when it lands first: a stream of no-cache keeps nobody from being stored', async () => {
  const { read } = tryCache()
  const trips = [0, 1, 2].map(() => Promise.withResolvers<Answer>())
  const waiting = trips.map(({ promise }) => read('a/1', () => promise, { noCache: true }))
  for (const [n, { resolve }] of trips.entries()) {
    resolve(answer(String(n)))
    await waiting[n]
    assert.equal((await read('a/1', notToFetch)).entry.body, String(n))
  }
})

test('a refusal counts more than what was asked before it, though that lands later', async () => {
  const { cache, read } = tryCache()
  const earlier = Promise.withResolvers<Answer>()
  const waiting = read('a/1', () => earlier.promise)
  await assert.rejects(read('a/1', fails('refused', 403), { noCache: true }), { code: 'refused' })
  earlier.resolve(answer('old'))
  assert.deepEqual([(await waiting).entry.body, cache.store.entries], ['old', 0])
})

test('a refresh boards the trip of somebody who would not have it kept, and has it kept', async () => {
  const { clock, read } = tryCache()
  await read('a/1', brings('one'))
  clock.advance(40 * second)
  const trip = Promise.withResolvers<Answer>()
  const fetching = read('a/1', () => trip.promise, { noStore: true })
  assert.equal((await read('a/1', notToFetch)).how, 'stale')
  trip.resolve(answer('two'))
  assert.equal((await fetching).entry.body, 'two')
  assert.equal((await read('a/1', notToFetch)).entry.body, 'two')
})

test('who demands no-cache gets no last resort', async () => {
  const { read } = tryCache()
  await read('a/1', brings('stored'))
  await assert.rejects(read('a/1', fails('broken'), { noCache: true }), { code: 'broken' })
  // The key rests for everybody; what is fresh is not touched by that.
  await assert.rejects(read('a/1', notToFetch, { noCache: true }), { code: 'broken' })
  assert.equal((await read('a/1', notToFetch)).how, 'hit')
})

test('what is fetched for no-store is not stored, unless somebody joins who does not mind', async () => {
  const { cache, read } = tryCache()
  const fetched = await read('a/1', brings('secret'), { noStore: true })
  assert.deepEqual(
    [fetched.how, fetched.forwarded?.why, fetched.forwarded?.isStored],
    ['bypass', 'bypass', false],
  )
  assert.equal(cache.store.entries, 0)
  const trip = Promise.withResolvers<Answer>()
  const both = [read('a/1', () => trip.promise, { noStore: true }), read('a/1', notToFetch)]
  trip.resolve(answer('shared'))
  assert.deepEqual(
    (await Promise.all(both)).map(({ entry }) => entry.body),
    ['shared', 'shared'],
  )
  assert.equal((await read('a/1', notToFetch)).how, 'hit')
})

test('who says only-if-cached causes no trip, not even behind a stale answer', async () => {
  const { clock, cache, read } = tryCache()
  const onlyIfCached = { onlyIfCached: true }
  await assert.rejects(read('a/1', notToFetch, onlyIfCached), { code: 'notCached', status: 504 })
  await read('a/1', brings('one'))
  assert.equal((await read('a/1', notToFetch, onlyIfCached)).how, 'hit')
  clock.advance(40 * second)
  assert.equal((await read('a/1', notToFetch, onlyIfCached)).how, 'stale')
  assert.equal(cache.inTheAir, 0)
  clock.advance(60 * second)
  await assert.rejects(read('a/1', notToFetch, onlyIfCached), { code: 'notCached' })
})
