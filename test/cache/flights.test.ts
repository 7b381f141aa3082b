import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { test } from 'node:test'
import { createFlights, type Flight, type Passenger } from '../../src/cache/flights.ts'

/** A caller who never leaves. */
const stays: Passenger = { leaves: new AbortController().signal, keeps: true }
const until = ({ signal }: AbortController): Passenger => ({ leaves: signal, keeps: true })

/** A trip that is on its way at once. */
const departing =
  (trip: { readonly promise: Promise<string> }) =>
  (flight: Flight): Promise<string> => {
    flight.departs()
    return trip.promise
  }

const notToDepart = (): Promise<never> => assert.fail('a second trip departed')

test('who joins a flight shares its one trip and its answer, and only they have been collapsed', async () => {
  const flights = createFlights<string>(() => 0)
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
  const flights = createFlights<string>(() => 0)
  const joined = ['a', 'b'].map((key) => flights.join(key, () => Promise.resolve(key), stays))
  assert.equal(flights.inTheAir, 2)
  assert.deepEqual(
    (await Promise.all(joined)).map(({ result }) => result),
    ['a', 'b'],
  )
})

test('who started it may leave: the trip lands for the others', async () => {
  const flights = createFlights<string>(() => 0)
  const trip = Promise.withResolvers<string>()
  const leader = new AbortController()
  const leading = flights.join('key', departing(trip), until(leader))
  const following = flights.join('key', notToDepart, stays)
  const reason = new Error('left')
  leader.abort(reason)
  await assert.rejects(leading, reason)
  assert.equal(flights.inTheAir, 1)
  trip.resolve('answer')
  assert.equal((await following).result, 'answer')
})

test('who had left before they asked is told so', async () => {
  const flights = createFlights<string>(() => 0)
  await assert.rejects(
    flights.join('key', () => Promise.resolve('answer'), {
      leaves: AbortSignal.abort(new Error('left')),
      keeps: true,
    }),
    /left/,
  )
  await setImmediate()
  assert.equal(flights.inTheAir, 0)
})

test('a wait leaves no listener behind, however it ends', async () => {
  const flights = createFlights<string>(() => 0)
  const caller = new AbortController()
  const listeners = (): number => getEventListeners(caller.signal, 'abort').length
  const [landing, failing, left] = [0, 1, 2].map(() => Promise.withResolvers<string>())
  assert.ok(landing && failing && left)

  const landed = flights.join('landing', () => landing.promise, until(caller))
  const failed = assert.rejects(flights.join('failing', () => failing.promise, until(caller)))
  const joined = flights.join('landing', notToDepart, until(caller))
  assert.equal(listeners(), 3)
  landing.resolve('answer')
  failing.reject(new Error('failed'))
  await Promise.all([landed, joined, failed])
  await setImmediate()
  assert.equal(listeners(), 0)

  const leaving = assert.rejects(flights.join('left', () => left.promise, until(caller)))
  caller.abort(new Error('left'))
  await leaving
  assert.equal(listeners(), 0)
  left.resolve('late')
})

test('a failed trip fails everybody who waits for it, and the next who asks starts anew', async () => {
  const flights = createFlights<string>(() => 0)
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
  const flights = createFlights<string>(() => 0)
  const trip = Promise.withResolvers<string>()
  const caller = new AbortController()
  const waiting = assert.rejects(flights.join('key', () => trip.promise, until(caller)))
  caller.abort(new Error('left'))
  await waiting
  const gone = { leaves: AbortSignal.abort(new Error('left')), keeps: true }
  await assert.rejects(flights.join('other', () => trip.promise, gone))
  trip.reject(new Error('failed'))
  await setImmediate()
  process.off('unhandledRejection', unhandled)
  assert.equal(unhandled.mock.callCount(), 0)
  assert.equal(flights.inTheAir, 0)
})

test('a flight that has not departed is called off when the last one leaves, and the next who asks starts anew', async () => {
  const flights = createFlights<string>(() => 0)
  const [first, second] = [new AbortController(), new AbortController()]
  let queued: Flight | undefined
  const waiting = [first, second].map((caller) =>
    assert.rejects(
      flights.join(
        'key',
        (flight) => {
          queued = flight
          return new Promise((_resolve, reject) => {
            flight.cancelled.addEventListener('abort', () => reject(new Error('called off')))
          })
        },
        until(caller),
      ),
      /left/,
    ),
  )
  first.abort(new Error('left'))
  await waiting[0]
  assert.equal(queued?.cancelled.aborted, false)
  second.abort(new Error('left'))
  await waiting[1]
  assert.equal(queued?.cancelled.aborted, true)
  const { result, isCollapsed } = await flights.join('key', () => Promise.resolve('anew'), stays)
  assert.deepEqual([result, isCollapsed], ['anew', false])
  assert.equal(flights.inTheAir, 0)
})

test('nobody joins a flight that has been called off, though it has not ended yet', async () => {
  const flights = createFlights<string>(() => 0)
  const slow = Promise.withResolvers<string>()
  const caller = new AbortController()
  const waiting = assert.rejects(flights.join('key', () => slow.promise, until(caller)))
  caller.abort(new Error('left'))
  await waiting
  const { result, isCollapsed } = await flights.join('key', () => Promise.resolve('anew'), stays)
  assert.deepEqual([result, isCollapsed, flights.inTheAir], ['anew', false, 1])
  slow.reject(new Error('called off'))
  await setImmediate()
  assert.equal(flights.inTheAir, 0)
})

test('one that is on its way is not called off, whoever leaves', async () => {
  const flights = createFlights<string>(() => 0)
  const trip = Promise.withResolvers<string>()
  const caller = new AbortController()
  let flown: Flight | undefined
  const waiting = assert.rejects(
    flights.join(
      'key',
      (flight) => {
        flown = flight
        return departing(trip)(flight)
      },
      until(caller),
    ),
  )
  caller.abort(new Error('left'))
  await waiting
  assert.deepEqual([flown?.cancelled.aborted, flown?.counts, flights.inTheAir], [false, true, 1])
  trip.resolve('landed')
  await setImmediate()
  assert.equal(flights.inTheAir, 0)
})

test('one that nobody waits for is never called off, and is joined like any other', async () => {
  const flights = createFlights<string>(() => 0)
  const trip = Promise.withResolvers<string>()
  let sent: Flight | undefined
  flights.send('key', (flight) => {
    sent = flight
    return trip.promise
  })
  flights.send('key', notToDepart)
  assert.equal(sent?.isForKeeping, true)
  const caller = new AbortController()
  const leaving = assert.rejects(flights.join('key', notToDepart, until(caller)))
  const joined = flights.join('key', notToDepart, stays)
  caller.abort(new Error('left'))
  await leaving
  assert.deepEqual([sent?.cancelled.aborted, sent?.isForKeeping], [false, true])
  trip.resolve('landed')
  assert.deepEqual(await joined, { result: 'landed', isCollapsed: true })
})

test('a trip knows from its beginning whether anybody waits for it', async () => {
  const flights = createFlights<string>(() => 0)
  const known: [string, boolean][] = []
  const trip = Promise.withResolvers<string>()
  const noting =
    (how: string) =>
    (flight: Flight): Promise<string> => {
      known.push([how, flight.isAwaited])
      return trip.promise
    }
  const asked = [
    flights.join('joined', noting('joined'), stays),
    flights.overtake('joined', noting('overtaken'), stays),
  ]
  flights.send('sent', noting('sent'))
  assert.deepEqual(known, [
    ['joined', true],
    ['overtaken', true],
    ['sent', false],
  ])
  trip.resolve('answer')
  await Promise.all(asked)
})

test('who overtakes flies at once, whoever comes later joins that one, and the earlier one counts until it has landed', async () => {
  for (const isLanding of [true, false]) {
    const flights = createFlights<string>(() => 0)
    const [slow, fast] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
    const seen: Flight[] = []
    const watched = (trip: { readonly promise: Promise<string> }) => (flight: Flight) => {
      seen.push(flight)
      return departing(trip)(flight)
    }
    const first = flights.join('key', watched(slow), stays)
    const bystander = flights.join('other', watched(slow), stays)
    const overtaker = flights.overtake('key', watched(fast), stays)
    const later = flights.join('key', notToDepart, stays)
    const counts = (): boolean[] => seen.map((flight) => flight.counts)
    assert.deepEqual([counts(), flights.inTheAir], [[true, true, true], 3])
    if (isLanding) seen[2]?.lands()
    assert.deepEqual(counts(), [!isLanding, true, true])
    fast.resolve('new')
    assert.deepEqual(await overtaker, { result: 'new', isCollapsed: false })
    assert.deepEqual(await later, { result: 'new', isCollapsed: true })
    // An earlier one that lands takes nothing from a later one.
    const again = flights.overtake('key', watched(fast), stays)
    seen[0]?.lands()
    assert.equal(seen[3]?.counts, true)
    slow.resolve('old')
    assert.deepEqual(await first, { result: 'old', isCollapsed: false })
    await Promise.all([bystander, again])
    assert.equal(flights.inTheAir, 0)
  }
})

test('who may not join one that began too long ago starts another, which everybody joins from then on', async () => {
  let now = 0
  const flights = createFlights<string>(() => now)
  const old = Promise.withResolvers<string>()
  const early = flights.join('a', departing(old), stays)
  now = 10
  const joined = flights.join('a', notToDepart, { ...stays, joinsSince: 0 })
  const fresh = Promise.withResolvers<string>()
  const late = flights.join('a', departing(fresh), { ...stays, joinsSince: 1 })
  const later = flights.join('a', notToDepart, stays)
  old.resolve('old')
  fresh.resolve('new')
  const results = (await Promise.all([early, joined, late, later])).map(({ result }) => result)
  assert.deepEqual(results, ['old', 'old', 'new', 'new'])
})

test('one that was overtaken by a flight that was called off is outdated by the next one that lands, all the same', async () => {
  const flights = createFlights<string>(() => 0)
  const trip = Promise.withResolvers<string>()
  const seen: Flight[] = []
  const queued = (flight: Flight): Promise<string> => {
    seen.push(flight)
    return trip.promise
  }
  const caller = new AbortController()
  const first = flights.join('key', queued, stays)
  const called = assert.rejects(flights.overtake('key', queued, until(caller)))
  caller.abort(new Error('left'))
  await called
  const third = flights.join('key', queued, stays)
  seen[2]?.lands()
  assert.deepEqual(
    seen.map(({ counts }) => counts),
    [false, false, true],
  )
  trip.resolve('')
  await Promise.all([first, third])
})

test('who waits for a detached flight gets its answer, which does not count; who comes later starts another', async () => {
  const isOfA = (key: string): boolean => key.startsWith('a/')
  for (const [matches, detached] of [
    [(key: string) => key === 'a/1', ['a/1']],
    [isOfA, ['a/1', 'a/2']],
    [() => true, ['a/1', 'a/2', 'ab/1']],
  ] as const) {
    const flights = createFlights<string>(() => 0)
    const begun: { key: string; flight: Flight; trip: PromiseWithResolvers<string> }[] = []
    const depart = (key: string) => (flight: Flight) => {
      const trip = Promise.withResolvers<string>()
      begun.push({ key, flight, trip })
      return trip.promise
    }
    const keys = ['a/1', 'a/2', 'ab/1']
    const isDetached = (key: string): boolean => detached.some((one) => one === key)
    const waiting = keys.map((key) => flights.join(key, depart(key), stays))
    // Those that have been overtaken are detached, too.
    for (const key of keys) waiting.push(flights.overtake(key, depart(key), stays))
    flights.detach(matches)
    for (const { key, flight } of begun) assert.equal(flight.counts, !isDetached(key))
    const before = begun.length
    const later = keys.map((key) => flights.join(key, depart(key), stays))
    assert.deepEqual(
      begun.slice(before).map(({ key }) => key),
      detached,
    )
    for (const [at, { key, trip }] of begun.entries()) trip.resolve(`${at < before ? 'old' : 'new'} ${key}`)
    for (const { result } of await Promise.all(waiting)) assert.match(result, /^old /)
    for (const [at, { result }] of (await Promise.all(later)).entries())
      assert.equal(result, `${isDetached(keys[at] ?? '') ? 'new' : 'old'} ${keys[at]}`)
    assert.equal(flights.inTheAir, 0)
  }
})

test('what a flight brings is for keeping once one who lets it be kept has boarded', async () => {
  const flights = createFlights<string>(() => 0)
  const trip = Promise.withResolvers<string>()
  let flown: Flight | undefined
  const first = flights.join(
    'key',
    (flight) => {
      flown = flight
      return trip.promise
    },
    { ...stays, keeps: false },
  )
  assert.equal(flown?.isForKeeping, false)
  const second = flights.join('key', notToDepart, { ...stays, keeps: false })
  assert.equal(flown?.isForKeeping, false)
  const third = flights.join('key', notToDepart, stays)
  assert.equal(flown?.isForKeeping, true)
  trip.resolve('landed')
  await Promise.all([first, second, third])
})

test('who wants an answer kept and waits for none boards the flight there is', async () => {
  const flights = createFlights<string>(() => 0)
  const trip = Promise.withResolvers<string>()
  let flown: Flight | undefined
  const joined = flights.join(
    'key',
    (flight) => {
      flown = flight
      return trip.promise
    },
    { ...stays, keeps: false },
  )
  flights.send('key', notToDepart)
  assert.equal(flown?.isForKeeping, true)
  trip.resolve('landed')
  assert.equal((await joined).result, 'landed')
})
