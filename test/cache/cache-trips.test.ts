import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { test } from 'node:test'
import type { Answer } from '../../src/cache/index.ts'
import { answer, brings, fails, notToFetch, tryCache } from './answer.ts'

const second = 1_000

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
