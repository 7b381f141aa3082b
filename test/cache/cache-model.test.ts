import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Answer, type Cache, createCache, createMemoryStore, type Found } from '../../src/cache/index.ts'
import { GatewayError } from '../../src/errors.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { answer } from './answer.ts'

const windows = { freshForMs: 100, notFoundForMs: 10 }
const backOffMs = 50

class Refused extends GatewayError {
  override readonly code = 'refused'
  override readonly status = 502
  override readonly backOffMs = backOffMs
}

/** The reference: what is stored, refused and in the air for each key. */
interface Known {
  readonly stored: Map<string, { body: string; freshUntil: number }>
  readonly refusedUntil: Map<string, number>
  readonly flying: Set<string>
}

interface Waiter {
  readonly key: string
  readonly leaves: AbortController
  outcome: Found | Error | undefined
}

interface Real {
  readonly cache: Cache
  readonly clock: FakeClock
  readonly trips: Map<string, PromiseWithResolvers<Answer>>
  waiting: Waiter[]
  /** Trips so far, for bodies that no other has. */
  count: number
}

type Step = fc.AsyncCommand<Known, Real>

async function read(real: Real, key: string): Promise<Waiter> {
  const waiter: Waiter = { key, leaves: new AbortController(), outcome: undefined }
  const depart = (): Promise<Answer> => {
    assert.ok(!real.trips.has(key), `a second trip for ${key}`)
    const trip = Promise.withResolvers<Answer>()
    real.trips.set(key, trip)
    return trip.promise
  }
  real.cache.read(key, depart, waiter.leaves.signal).then(
    (found) => (waiter.outcome = found),
    (error: Error) => (waiter.outcome = error),
  )
  await setImmediate()
  return waiter
}

class Ask implements Step {
  readonly key: string

  constructor(key: string) {
    this.key = key
  }

  check = (): boolean => true
  toString = (): string => `ask ${this.key}`

  async run(known: Known, real: Real): Promise<void> {
    const { key } = this
    const tripsBefore = real.trips.size
    const waiter = await read(real, key)
    const now = real.clock.now()
    const stored = known.stored.get(key)
    if (stored !== undefined && now < stored.freshUntil) {
      assert.ok(waiter.outcome !== undefined && 'how' in waiter.outcome)
      assert.deepEqual([waiter.outcome.how, waiter.outcome.entry.body], ['hit', stored.body])
      return
    }
    if (!known.flying.has(key) && now < (known.refusedUntil.get(key) ?? 0)) {
      assert.ok(waiter.outcome instanceof Refused && waiter.outcome.message === key)
      assert.equal(real.trips.size, tripsBefore)
      return
    }
    assert.equal(waiter.outcome, undefined, 'answered without a trip')
    assert.equal(real.trips.size, tripsBefore + (known.flying.has(key) ? 0 : 1))
    known.flying.add(key)
    real.waiting.push(waiter)
  }
}

/** The trip of a key ends. */
class End implements Step {
  readonly key: string
  readonly how: 200 | 404 | 'failed' | 'refused'

  constructor(key: string, how: 200 | 404 | 'failed' | 'refused') {
    this.key = key
    this.how = how
  }

  check = ({ flying }: Readonly<Known>): boolean => flying.has(this.key)
  toString = (): string => `${this.key} ends: ${this.how}`

  async run(known: Known, real: Real): Promise<void> {
    const { key, how } = this
    const trip = real.trips.get(key)
    assert.ok(trip !== undefined)
    real.trips.delete(key)
    known.flying.delete(key)
    const body = `${key} ${(real.count += 1)}`
    const now = real.clock.now()
    if (how === 'failed' || how === 'refused') {
      if (how === 'refused') known.refusedUntil.set(key, now + backOffMs)
      trip.reject(how === 'refused' ? new Refused(key) : new Error(key))
    } else {
      const forMs = how === 200 ? windows.freshForMs : windows.notFoundForMs
      known.stored.set(key, { body, freshUntil: now + forMs })
      trip.resolve(answer(body, { status: how }))
    }
    await setImmediate()
    for (const { outcome } of real.waiting.filter((waiter) => waiter.key === key)) {
      assert.ok(outcome !== undefined, 'somebody waits on')
      if (outcome instanceof Error) assert.equal(outcome.message, key)
      else assert.equal(outcome.entry.body, body)
      assert.equal(outcome instanceof Error, typeof how === 'string')
    }
    real.waiting = real.waiting.filter((waiter) => waiter.key !== key)
    assert.equal(real.cache.inTheAir, real.trips.size)
  }
}

class Leave implements Step {
  readonly which: number

  constructor(which: number) {
    this.which = which
  }

  check = (): boolean => true
  toString = (): string => `caller ${this.which} leaves`

  async run(_known: Known, real: Real): Promise<void> {
    const [waiter] = real.waiting.splice(this.which % Math.max(1, real.waiting.length), 1)
    if (waiter === undefined) return
    waiter.leaves.abort(new Error('left'))
    await setImmediate()
    assert.ok(waiter.outcome instanceof Error && waiter.outcome.message === 'left')
    assert.equal(real.cache.inTheAir, real.trips.size)
  }
}

class Pause implements Step {
  readonly ms: number

  constructor(ms: number) {
    this.ms = ms
  }

  check = (): boolean => true
  toString = (): string => `${this.ms} ms`

  run(_known: Known, real: Real): Promise<void> {
    real.clock.advance(this.ms)
    return Promise.resolve()
  }
}

const key = fc.constantFrom('a', 'b', 'c')
const steps = fc.commands(
  [
    key.map((asked) => new Ask(asked)),
    key.map((asked) => new Ask(asked)),
    fc
      .tuple(
        key,
        fc.constantFrom(200 as const, 200 as const, 404 as const, 'failed' as const, 'refused' as const),
      )
      .map(([ended, how]) => new End(ended, how)),
    fc.nat({ max: 9 }).map((which) => new Leave(which)),
    fc.constantFrom(1, 9, 10, 49, 50, 99, 100).map((ms) => new Pause(ms)),
  ],
  { maxCommands: 40 },
)

test('one trip a key at a time, nobody gets another key’s answer, and nothing past its time without a trip', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (commands) => {
      const clock = createFakeClock(1_000)
      const cache = createCache({ store: createMemoryStore(1024 * 1024), windows, clock })
      const real: Real = { cache, clock, trips: new Map(), waiting: [], count: 0 }
      const known: Known = { stored: new Map(), refusedUntil: new Map(), flying: new Set() }
      await fc.asyncModelRun(() => ({ model: known, real }), commands)
    }),
    { numRuns: 500 },
  )
})
