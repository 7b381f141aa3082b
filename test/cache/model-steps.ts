/** What is done to a cache and to its model, side by side, whatever the cache keeps its entries in. */

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { Demand, Scope } from '../../src/cache/index.ts'
import { answer, Failed, relatedTo } from './answer.ts'
import type { Ending, Model } from './model.ts'
import { assertOutcome, type Real } from './model-real.ts'

const keys = ['a/1', 'a/1?id', 'a/2', 'b/1']

abstract class Step implements fc.AsyncCommand<Model, Real> {
  check(_model: Readonly<Model>): boolean {
    return true
  }
  abstract act(model: Model, real: Real): Promise<void>
  async run(model: Model, real: Real): Promise<void> {
    real.steps += 1
    await this.act(model, real)
    assert.equal(real.tripsBegun, model.trips, 'trips begun')
    assert.equal(real.subject.cache.inTheAir, model.inTheAir.size, 'trips in the air')
    for (const [id, { key, held }] of model.inTheAir) {
      const trip = real.trips.get(id)
      assert.deepEqual(
        [trip?.key, trip?.validator],
        [key, held?.isFound === true ? `"${held.body}"` : undefined],
      )
    }
  }
}

class Ask extends Step {
  readonly key: string
  readonly demand: Demand

  constructor(key: string, demand: Demand) {
    super()
    this.key = key
    this.demand = demand
  }

  override toString = (): string => `ask ${this.key} ${JSON.stringify(this.demand)}`

  override async act(model: Model, real: Real): Promise<void> {
    const waiter = real.waiters.size
    const expected = model.ask(waiter, this.key, this.demand)
    await real.ask(waiter, this.key, this.demand)
    assertOutcome(real, this.key, waiter, expected)
  }
}

/** Any trip that is in the air: by `which`, counted round. */
abstract class OfATrip extends Step {
  readonly which: number

  constructor(which: number) {
    super()
    this.which = which
  }

  override check({ inTheAir }: Readonly<Model>): boolean {
    return inTheAir.size > 0
  }

  id({ inTheAir }: Model): number {
    return [...inTheAir.keys()][this.which % inTheAir.size] ?? 0
  }
}

class Depart extends OfATrip {
  override toString = (): string => `trip ${this.which} departs`

  override act(model: Model, real: Real): Promise<void> {
    const id = this.id(model)
    const trip = model.inTheAir.get(id)
    if (trip !== undefined) trip.hasDeparted = true
    real.trips.get(id)?.flight.departs()
    return Promise.resolve()
  }
}

class End extends OfATrip {
  readonly ending: Ending

  constructor(which: number, ending: Ending) {
    super(which)
    this.ending = ending
  }

  override toString = (): string => `trip ${this.which} ends: ${this.ending}`

  override async act(model: Model, real: Real): Promise<void> {
    const id = this.id(model)
    const [trip, landing] = [model.inTheAir.get(id), real.trips.get(id)]
    assert.ok(trip !== undefined && landing !== undefined)
    // What was not asked for cannot be said.
    const ending = this.ending === 'unchanged' && landing.validator === undefined ? 'found' : this.ending
    const body = `${trip.key} ${id}`
    const { key, begunAt } = landing
    const confirmed = ending === 'unchanged' ? trip.held?.body : undefined
    real.born.set(confirmed ?? body, { key, begunAt })
    const expected = model.end(trip, ending, body)
    const made = { trip: { clientRequestId: String(id) } }
    if (ending === 'found') landing.resolve(answer(body, { validator: `"${body}"`, ...made }))
    else if (ending === 'notFound') landing.resolve(answer(body, { status: 404, ...made }))
    else if (ending === 'unchanged') landing.resolve({ status: 304, ...made })
    else landing.reject(new Failed(ending))
    await real.subject.settle()
    for (const [waiter, each] of expected) assertOutcome(real, key, waiter, each)
  }
}

class Leave extends Step {
  readonly which: number

  constructor(which: number) {
    super()
    this.which = which
  }

  override toString = (): string => `caller ${this.which} leaves`

  override async act(model: Model, real: Real): Promise<void> {
    const waiting = [...real.waiters].filter(([, { outcome }]) => outcome === undefined)
    const [id, waiter] = waiting[this.which % Math.max(1, waiting.length)] ?? []
    if (id === undefined || waiter === undefined) return
    model.leave(id)
    waiter.leaves.abort(new Error('left'))
    await real.subject.settle()
    assert.ok(waiter.outcome instanceof Error && waiter.outcome.message === 'left')
  }
}

class Purge extends Step {
  readonly scope: Scope

  constructor(scope: Scope) {
    super()
    this.scope = scope
  }

  override toString = (): string => `purge ${JSON.stringify(this.scope)}`

  override async act(model: Model, real: Real): Promise<void> {
    const { scope } = this
    const isPurged = (key: string): boolean => {
      if (scope === 'everything') return true
      return 'group' in scope ? key.startsWith(`${scope.group}/`) : relatedTo(scope.resource).includes(key)
    }
    model.purge(isPurged)
    await real.subject.cache.purge(scope)
    await real.subject.settle()
    for (const key of keys.filter(isPurged)) real.purgedAt.set(key, real.steps)
  }
}

class Pause extends Step {
  readonly ms: number

  constructor(ms: number) {
    super()
    this.ms = ms
  }

  override toString = (): string => `${this.ms} ms`

  override async act(model: Model, real: Real): Promise<void> {
    model.now += this.ms
    model.lasting += this.ms
    await real.subject.pass(this.ms)
  }
}

/** Somebody sets the clock: what lasts does not notice, and entries may only look older. */
class SetClock extends Step {
  readonly byMs: number

  constructor(byMs: number) {
    super()
    this.byMs = byMs
  }

  override toString = (): string => `the clock is set by ${this.byMs} ms`

  override async act(model: Model, real: Real): Promise<void> {
    model.now += Math.max(0, this.byMs)
    await real.subject.set(this.byMs)
    // It is noticed when it is looked at; the model has done so already.
    await real.ask(-1, 'b/looks-at-the-clock', { onlyIfCached: true })
    real.waiters.delete(-1)
  }
}

const key = fc.constantFrom(...keys)
const demand: fc.Arbitrary<Demand> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Demand>(
      { noCache: true },
      { noStore: true },
      { onlyIfCached: true },
      { maxAgeMs: 0 },
      { maxAgeMs: 500 },
      { minFreshMs: 500 },
      { maxStaleMs: Infinity },
      { maxStaleMs: 1_000 },
      { noCache: true, noStore: true },
      { onlyIfCached: true, maxStaleMs: 1_000 },
    ),
  },
)
const ending = fc.constantFrom<Ending>(
  'found',
  'found',
  'found',
  'found',
  'notFound',
  'unchanged',
  'unchanged',
  'broken',
  'broken',
  'refused',
  'shut',
)
const scope = fc.oneof(
  fc.constant<Scope>('everything'),
  fc.constantFrom<Scope>({ group: 'a' }, { group: 'b' }),
  key.map((one): Scope => ({ resource: relatedTo(one)[0] ?? one })),
)
const asks = fc.tuple(key, demand).map(([asked, how]) => new Ask(asked, how))
const endings = fc.tuple(fc.nat({ max: 9 }), ending).map(([which, how]) => new End(which, how))
const found = fc.nat({ max: 9 }).map((which) => new End(which, 'found'))
const pauses = fc
  .constantFrom(1, 189, 190, 500, 949, 950, 1_000, 1_000, 2_000, 6_050)
  .map((ms) => new Pause(ms))
export const steps = fc.commands(
  [
    ...Array.from({ length: 6 }, () => asks),
    ...Array.from({ length: 4 }, () => endings),
    found,
    found,
    fc.nat({ max: 9 }).map((which) => new Depart(which)),
    fc.nat({ max: 9 }).map((which) => new Leave(which)),
    scope.map((which) => new Purge(which)),
    ...Array.from({ length: 4 }, () => pauses),
    fc.constantFrom(-100_000, -2_000, 2_000).map((byMs) => new SetClock(byMs)),
  ],
  { maxCommands: 60, size: 'max' },
)
