import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { test } from 'node:test'
import { createFlights } from '../../src/cache/flights.ts'
import { stays } from './answer.ts'

const notToDepart = (): Promise<never> => assert.fail('a second trip departed')

test('who joins a flight shares its one trip and its answer, and only they have been collapsed', async () => {
  const flights = createFlights<string>()
  const trip = Promise.withResolvers<string>()
  const first = flights.join('key', () => trip.promise, stays)
  const others = Array.from({ length: 10 }, () => flights.join('key', notToDepart, stays))
  assert.equal(flights.inTheAir, 1)
  trip.resolve('answer')
  assert.deepEqual(await first, { result: 'answer', isCollapsed: false })
  for (const each of await Promise.all(others))
    assert.deepEqual(each, { result: 'answer', isCollapsed: true })
  assert.equal(flights.inTheAir, 0)
})

test('different keys fly apart', async () => {
  const flights = createFlights<string>()
  const joined = ['a', 'b'].map((key) => flights.join(key, () => Promise.resolve(key), stays))
  assert.equal(flights.inTheAir, 2)
  assert.deepEqual(
    (await Promise.all(joined)).map(({ result }) => result),
    ['a', 'b'],
  )
})

test('who started it may leave: the trip lands for the others', async () => {
  const flights = createFlights<string>()
  const trip = Promise.withResolvers<string>()
  const leader = new AbortController()
  const leading = flights.join('key', () => trip.promise, leader.signal)
  const following = flights.join('key', notToDepart, stays)
  const reason = new Error('left')
  leader.abort(reason)
  await assert.rejects(leading, reason)
  assert.equal(flights.inTheAir, 1)
  trip.resolve('answer')
  assert.equal((await following).result, 'answer')
})

test('who had left before they asked is told so', async () => {
  const flights = createFlights<string>()
  await assert.rejects(
    flights.join('key', () => Promise.resolve('answer'), AbortSignal.abort(new Error('left'))),
    /left/,
  )
  await setImmediate()
  assert.equal(flights.inTheAir, 0)
})

test('a wait leaves no listener behind, however it ends', async () => {
  const flights = createFlights<string>()
  const caller = new AbortController()
  const listeners = (): number => getEventListeners(caller.signal, 'abort').length
  const [landing, failing, left] = [0, 1, 2].map(() => Promise.withResolvers<string>())
  assert.ok(landing && failing && left)

  const landed = flights.join('landing', () => landing.promise, caller.signal)
  const failed = assert.rejects(flights.join('failing', () => failing.promise, caller.signal))
  const joined = flights.join('landing', notToDepart, caller.signal)
  assert.equal(listeners(), 3)
  landing.resolve('answer')
  failing.reject(new Error('failed'))
  await Promise.all([landed, joined, failed])
  await setImmediate()
  assert.equal(listeners(), 0)

  const leaving = assert.rejects(flights.join('left', () => left.promise, caller.signal))
  caller.abort(new Error('left'))
  await leaving
  assert.equal(listeners(), 0)
  left.resolve('late')
})

test('a failed trip fails everybody who waits for it, and the next who asks starts anew', async () => {
  const flights = createFlights<string>()
  const trip = Promise.withResolvers<string>()
  const waiting = Promise.allSettled([
    flights.join('key', () => trip.promise, stays),
    flights.join('key', notToDepart, stays),
  ])
  const failure = new Error('failed')
  trip.reject(failure)
  assert.deepEqual(await waiting, [
    { status: 'rejected', reason: failure },
    { status: 'rejected', reason: failure },
  ])
  assert.equal(flights.inTheAir, 0)
  assert.equal((await flights.join('key', () => Promise.resolve('again'), stays)).result, 'again')
})

test('a trip that fails when everybody has left troubles nobody', async (context) => {
  const unhandled = context.mock.fn()
  process.on('unhandledRejection', unhandled)
  const flights = createFlights<string>()
  const trip = Promise.withResolvers<string>()
  const caller = new AbortController()
  const waiting = assert.rejects(flights.join('key', () => trip.promise, caller.signal))
  caller.abort(new Error('left'))
  await waiting
  const gone = AbortSignal.abort(new Error('left'))
  await assert.rejects(flights.join('other', () => trip.promise, gone))
  trip.reject(new Error('failed'))
  await setImmediate()
  process.off('unhandledRejection', unhandled)
  assert.equal(unhandled.mock.callCount(), 0)
  assert.equal(flights.inTheAir, 0)
})
