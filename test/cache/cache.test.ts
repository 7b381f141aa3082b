import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { test } from 'node:test'
import type { Answer, Found } from '../../src/cache/index.ts'
import { answer, brings, fails, notToFetch, stays, tryCache } from './answer.ts'

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

test('a trip whose leader left is stored all the same, and was one trip', async () => {
  const { cache, read } = tryCache()
  const trip = Promise.withResolvers<Answer>()
  const leader = new AbortController()
  const leading = assert.rejects(
    read(
      'a/1',
      (flight) => {
        flight.departs()
        return trip.promise
      },
      {},
      leader.signal,
    ),
    /left/,
  )
  leader.abort(new Error('left'))
  await leading
  assert.equal(cache.inTheAir, 1)
  trip.resolve(answer('landed'))
  await setImmediate()
  const { how, entry } = await read('a/1', notToFetch)
  assert.deepEqual([how, entry.body, cache.inTheAir], ['hit', 'landed', 0])
})

test('a 404 takes the place of a stored 200, and a 200 that of a 404', async () => {
  const { clock, cache, read } = tryCache({ windows: { staleWhileRevalidateMs: 0 } })
  await read('a/1', brings('body'))
  clock.advance(30 * second)
  await read('a/1', brings('', { status: 404 }))
  assert.deepEqual([(await read('a/1', notToFetch)).entry.status, cache.store.entries], [404, 1])
  clock.advance(5 * second)
  assert.equal((await read('a/1', brings('back'))).entry.status, 200)
})

test('a 404 that is not to be kept takes the 200 with it all the same', async () => {
  for (const demand of [{}, { noStore: true }]) {
    const { clock, cache, read } = tryCache({ windows: { notFoundForMs: 0 } })
    await read('a/1', brings('body'))
    clock.advance(100 * second)
    const { how, entry, forwarded } = await read('a/1', brings('', { status: 404 }), demand)
    assert.deepEqual([entry.status, forwarded?.isStored, cache.store.entries], [404, false, 0], how)
    await assert.rejects(read('a/1', fails('broken')), { code: 'broken' })
  }
})

test('an answer too large to keep is given to all who wait, and fetched again by the next', async () => {
  const { read } = tryCache({ memoryBytes: 1_000 })
  const body = 'x'.repeat(2_000)
  const both = await Promise.all([read('a/1', brings(body)), read('a/1', notToFetch)])
  for (const { entry, forwarded } of both) assert.deepEqual([entry.body, forwarded?.isStored], [body, false])
  assert.equal((await read('a/1', brings('small'))).how, 'miss')
})

test('all who wait are told why there was a trip, and that it was stored', async () => {
  const { clock, read } = tryCache({ windows: { staleWhileRevalidateMs: 0 } })
  const ask = async (): Promise<unknown[]> => {
    const all = await Promise.all([read('a/1', brings('x')), read('a/1', notToFetch)])
    return all.map(({ how, forwarded }) => `${how} ${forwarded?.why} ${forwarded?.isStored}`)
  }
  assert.deepEqual(await ask(), ['miss uri-miss true', 'collapsed uri-miss true'])
  assert.deepEqual(await ask(), ['hit undefined undefined', 'hit undefined undefined'])
  clock.advance(30 * second)
  assert.deepEqual(await ask(), ['expired stale true', 'collapsed stale true'])
})

test('a failure that is not of its key is not kept: the next who asks starts anew', async () => {
  const { read } = tryCache()
  await assert.rejects(read('a/1', fails('shut')), { code: 'shut' })
  assert.equal((await read('a/1', brings('well'))).how, 'miss')
})

test('a broken key rests, and what is got after that counts, not the old failure', async () => {
  const { clock, read } = tryCache()
  await assert.rejects(read('a/1', fails('broken')), { code: 'broken' })
  await read('b/1', brings('other'))
  await assert.rejects(read('a/1', notToFetch), { code: 'broken', retryAfterMs: 1_000 })
  clock.advance(1 * second)
  assert.equal((await read('a/1', brings('well'))).entry.body, 'well')
  clock.advance(100 * second)
  // Anew, so for one second and not for two.
  await read('a/1', fails('broken'))
  clock.advance(1 * second)
  assert.equal((await read('a/1', brings('well again'))).how, 'expired')
})

test('where the origin names its answer, it is asked whether that still holds, and a 304 makes it fresh again', async () => {
  const { clock, cache, read } = tryCache({ windows: { staleWhileRevalidateMs: 0 } })
  const asked: (string | undefined)[] = []
  await read('a/1', (flight, validator) => {
    asked.push(validator)
    return brings('body', { validator: 'W/"7"' })(flight, validator)
  })
  clock.advance(50 * second)
  const trip = { clientRequestId: 'later' }
  const renewed = await read('a/1', (_flight, validator) => {
    asked.push(validator)
    return Promise.resolve({ status: 304, trip })
  })
  assert.deepEqual(asked, [undefined, 'W/"7"'])
  assert.deepEqual([renewed.how, renewed.entry.body, renewed.entry.trip], ['expired', 'body', trip])
  assert.deepEqual(renewed.forwarded, { why: 'stale', status: 304, isStored: true, isCollapsed: false })
  clock.advance(29 * second)
  const hit = await read('a/1', notToFetch)
  assert.deepEqual([hit.how, hit.ageMs, cache.store.entries], ['hit', 29_000, 1])
})

test('who waits for a confirmation gets the answer, though it was purged meanwhile; nobody else does', async () => {
  const { clock, cache, read } = tryCache({ windows: { staleWhileRevalidateMs: 0 } })
  await read('a/1', brings('body', { validator: '"7"' }))
  clock.advance(50 * second)
  const trip = Promise.withResolvers<{ status: 304; trip: { clientRequestId: string } }>()
  const waiting = read('a/1', () => trip.promise)
  await cache.purge('everything')
  trip.resolve({ status: 304, trip: { clientRequestId: 'later' } })
  const { entry, forwarded } = await waiting
  assert.deepEqual([entry.body, forwarded?.isStored], ['body', false])
  assert.equal((await read('a/1', brings('anew'))).how, 'miss')
})

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

test('what is gone, or refused, is gone under every key of its resource', async () => {
  for (const no of [brings('', { status: 404 }), brings('', { status: 410 }), fails('refused', 403)]) {
    const { clock, cache, read } = tryCache()
    for (const key of ['a/1', 'a/1?id', 'a/2']) await read(key, brings('body'))
    clock.advance(100 * second)
    await read('a/1?id', no).catch(() => undefined)
    await assert.rejects(read('a/1', fails('broken')), { code: 'broken' })
    assert.equal((await read('a/2', fails('broken'))).how, 'lastResort')
    cache.close()
  }
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
