import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { type Answer, type Cache, createCache, createMemoryStore } from '../../src/cache/index.ts'
import { GatewayError } from '../../src/errors.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { answer, stays } from './answer.ts'

function cacheWithClock(memoryBytes = 1024 * 1024): { clock: FakeClock; cache: Cache } {
  const clock = createFakeClock()
  const windows = { freshForMs: 30_000, notFoundForMs: 5_000 }
  return { clock, cache: createCache({ store: createMemoryStore(memoryBytes), windows, clock }) }
}

const brings =
  (body: string, changes: Partial<Answer> = {}) =>
  () =>
    Promise.resolve(answer(body, changes))
const notToFetch = (): Promise<never> => assert.fail('a trip too many')

class Refused extends GatewayError {
  override readonly code = 'refused'
  override readonly status = 502
  override readonly backOffMs = 10_000
}

test('what a trip brought is a hit while it is fresh, and is fetched anew after', async () => {
  const { clock, cache } = cacheWithClock()
  const first = await cache.read('key', brings('one'), stays)
  assert.deepEqual([first.how, first.entry.body], ['miss', 'one'])
  clock.advance(29_999)
  const second = await cache.read('key', notToFetch, stays)
  assert.deepEqual([second.how, second.entry], ['hit', first.entry])
  clock.advance(1)
  const third = await cache.read('key', brings('two'), stays)
  assert.deepEqual([third.how, third.entry.body, third.entry.storedAt], ['expired', 'two', clock.now()])
  assert.equal((await cache.read('key', notToFetch, stays)).entry.body, 'two')
})

test('freshness counts from the landing of the trip, not from its departure', async () => {
  const { clock, cache } = cacheWithClock()
  const trip = Promise.withResolvers<Answer>()
  const reading = cache.read('key', () => trip.promise, stays)
  clock.advance(8_000)
  trip.resolve(answer('late'))
  assert.equal((await reading).entry.freshUntil, clock.now() + 30_000)
})

test('a trip whose leader left is stored all the same, and was one trip', async () => {
  const { cache } = cacheWithClock()
  const trip = Promise.withResolvers<Answer>()
  const leader = new AbortController()
  const leading = assert.rejects(
    cache.read('key', () => trip.promise, leader.signal),
    /left/,
  )
  leader.abort(new Error('left'))
  await leading
  assert.equal(cache.inTheAir, 1)
  trip.resolve(answer('landed'))
  await setImmediate()
  const { how, entry } = await cache.read('key', notToFetch, stays)
  assert.deepEqual([how, entry.body, cache.inTheAir], ['hit', 'landed', 0])
})

test('a 404 takes the place of a stored 200, and a 200 that of a 404', async () => {
  const { clock, cache } = cacheWithClock()
  await cache.read('key', brings('body'), stays)
  clock.advance(30_000)
  await cache.read('key', brings('', { status: 404 }), stays)
  assert.deepEqual([(await cache.read('key', notToFetch, stays)).entry.status, cache.store.entries], [404, 1])
  clock.advance(5_000)
  assert.equal((await cache.read('key', brings('back'), stays)).entry.status, 200)
})

test('an answer too large to keep is given to all who wait, and fetched again by the next', async () => {
  const { cache } = cacheWithClock(1_000)
  const body = 'x'.repeat(2_000)
  const both = await Promise.all([
    cache.read('key', brings(body), stays),
    cache.read('key', notToFetch, stays),
  ])
  assert.deepEqual(
    both.map(({ entry, isStored }) => [entry.body, isStored]),
    [
      [body, false],
      [body, false],
    ],
  )
  assert.equal((await cache.read('key', brings('small'), stays)).how, 'miss')
})

test('all who wait are told why there was a trip, and that it was stored', async () => {
  const { clock, cache } = cacheWithClock()
  const ask = async (): Promise<unknown[]> => {
    const all = await Promise.all([
      cache.read('key', brings('x'), stays),
      cache.read('key', notToFetch, stays),
    ])
    return all.map(({ how, forwarded, isStored }) => `${how} ${forwarded} ${isStored}`)
  }
  assert.deepEqual(await ask(), ['miss uri-miss true', 'collapsed uri-miss true'])
  assert.deepEqual(await ask(), ['hit undefined true', 'hit undefined true'])
  clock.advance(30_000)
  assert.deepEqual(await ask(), ['expired stale true', 'collapsed stale true'])
})

test('a failure is not kept: the next who asks starts anew', async () => {
  const { cache } = cacheWithClock()
  await assert.rejects(
    cache.read('key', () => Promise.reject(new Error('failed')), stays),
    /failed/,
  )
  assert.equal((await cache.read('key', brings('well'), stays)).how, 'miss')
})

test('a failure that would repeat itself is kept for as long as it asks, for its own key', async () => {
  const { clock, cache } = cacheWithClock()
  const refusal = new Refused('refused')
  await assert.rejects(
    cache.read('key', () => Promise.reject(refusal), stays),
    refusal,
  )
  await cache.read('other', brings('other'), stays)
  clock.advance(9_999)
  await assert.rejects(cache.read('key', notToFetch, stays), refusal)
  clock.advance(1)
  assert.equal((await cache.read('key', brings('well'), stays)).entry.body, 'well')
  // What has been got since counts, and not the old failure.
  clock.advance(30_000)
  assert.equal((await cache.read('key', brings('well again'), stays)).how, 'expired')
})

test('failures asked to be kept are bounded in number: the oldest are forgotten', async () => {
  const { cache } = cacheWithClock()
  const refuse = (key: string): Promise<void> =>
    assert.rejects(cache.read(key, () => Promise.reject(new Refused(key)), stays))
  for (let key = 0; key <= 10_000; key += 1) await refuse(`key-${key}`)
  await assert.rejects(cache.read('key-1', notToFetch, stays), /key-1/)
  assert.equal((await cache.read('key-0', brings('asked again'), stays)).how, 'miss')
})
