import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import type { Answer, Demand, Found, Scope } from '../../src/cache/index.ts'
import { GatewayError } from '../../src/errors.ts'
import { answer, Failed, relatedTo } from '../cache/answer.ts'
import { modelWindows } from '../cache/model.ts'
import { createReplica, createTime, newPrefix, pass, type Replica, settle, type Time } from './replica.ts'
import { onOneServer } from './way.ts'

/** `askedAt`: the step in which whoever began it asked. */
interface Trip extends PromiseWithResolvers<Answer> {
  readonly id: number
  readonly key: string
  readonly askedAt: number
  readonly begunAt: number
}

/** Two replicas of one application, and what has become of their callers. */
class Two {
  readonly time: Time
  readonly replicas: readonly Replica[]
  step = 0
  trips = 0
  readonly inTheAir = new Map<number, Trip>()
  /** By body. */
  readonly brought = new Map<string, Trip>()
  readonly purgedAt = new Map<string, number>()
  /** Keys for which somebody would have a trip of their own. */
  readonly overtaken = new Set<string>()
  /** What each replica gave last of what it had, by key: the number of the trip that had brought it. */
  readonly given = new Map<string, number>()
  readonly failures: Error[] = []

  constructor(time: Time, replicas: readonly Replica[]) {
    this.time = time
    this.replicas = replicas
  }

  ask(which: number, key: string, demand: Demand): void {
    const askedAt = this.step
    const fetch = (): Promise<Answer> => {
      this.trips += 1
      const trip = {
        id: this.trips,
        key,
        askedAt,
        begunAt: this.step,
        ...Promise.withResolvers<Answer>(),
      }
      this.inTheAir.set(trip.id, trip)
      return trip.promise
    }
    const purgedAt = this.purgedAt.get(key) ?? -1
    void this.#watch(which, key, purgedAt, this.replicas[which]?.read(key, fetch, demand))
  }

  async #watch(which: number, key: string, purgedAt: number, reading?: Promise<Found>): Promise<void> {
    try {
      const { entry, how } = (await reading) ?? assert.fail()
      const trip = this.brought.get(entry.body)
      assert.equal(trip?.key, key, 'the answer of another key')
      assert.ok(trip.begunAt > purgedAt, `${how}: purged before it was asked for, and given`)
      if (how !== 'hit' && how !== 'stale') return
      const place = `${which} ${key}`
      assert.ok(trip.id >= (this.given.get(place) ?? 0), 'an earlier answer in the place of a later one')
      this.given.set(place, trip.id)
    } catch (error) {
      if (error instanceof Error && !(error instanceof GatewayError)) this.failures.push(error)
    }
  }

  async check(): Promise<void> {
    await settle(...this.replicas)
    const [failure] = this.failures
    if (failure !== undefined) throw failure
    for (const key of keys) {
      if (this.overtaken.has(key)) continue
      // Whoever waits since before a purge waits for a trip that is of use to them alone.
      const trips = [...this.inTheAir.values()].filter(
        (trip) => trip.key === key && trip.askedAt > (this.purgedAt.get(key) ?? -1),
      )
      assert.ok(trips.length <= 1, `${trips.length} trips for ${key} at once`)
    }
  }
}

const keys = ['a/1', 'a/1?id', 'b/1']

abstract class Step implements fc.AsyncCommand<object, Two> {
  check(): boolean {
    return true
  }
  abstract act(two: Two): Promise<void> | void
  async run(_: object, two: Two): Promise<void> {
    two.step += 1
    await this.act(two)
    await two.check()
  }
}

class Ask extends Step {
  readonly which: number
  readonly key: string
  readonly demand: Demand
  constructor(which: number, key: string, demand: Demand) {
    super()
    this.which = which
    this.key = key
    this.demand = demand
  }
  override toString = (): string => `${this.which} is asked for ${this.key} ${JSON.stringify(this.demand)}`
  override act(two: Two): void {
    if (this.demand.noCache === true || this.demand.maxAgeMs === 0) two.overtaken.add(this.key)
    two.ask(this.which, this.key, this.demand)
  }
}

class End extends Step {
  readonly which: number
  readonly ending: 'found' | 'notFound' | 'broken' | 'refused'
  constructor(which: number, ending: End['ending']) {
    super()
    this.which = which
    this.ending = ending
  }
  override toString = (): string => `trip ${this.which} ends: ${this.ending}`
  override act(two: Two): void {
    const trip = [...two.inTheAir.values()][this.which % Math.max(1, two.inTheAir.size)]
    if (trip === undefined) return
    two.inTheAir.delete(trip.id)
    const body = `${trip.key} ${trip.id}`
    two.brought.set(body, trip)
    const made = { trip: { clientRequestId: body } }
    if (this.ending === 'found') trip.resolve(answer(body, made))
    else if (this.ending === 'notFound') trip.resolve(answer(body, { status: 404, ...made }))
    else trip.reject(new Failed(this.ending))
  }
}

class Purge extends Step {
  readonly which: number
  readonly scope: Scope
  constructor(which: number, scope: Scope) {
    super()
    this.which = which
    this.scope = scope
  }
  override toString = (): string => `${this.which} purges ${JSON.stringify(this.scope)}`
  override async act(two: Two): Promise<void> {
    const { scope } = this
    await two.replicas[this.which]?.cache.purge(scope)
    for (const key of keys) {
      const isPurged =
        scope === 'everything' ||
        ('group' in scope ? key.startsWith(`${scope.group}/`) : relatedTo(scope.resource).includes(key))
      if (isPurged) two.purgedAt.set(key, two.step)
    }
    // Who asks the one that has purged need not wait until the other one has heard.
    for (const key of keys) two.ask(this.which, key, { onlyIfCached: true })
  }
}

class Pause extends Step {
  readonly ms: number
  constructor(ms: number) {
    super()
    this.ms = ms
  }
  override toString = (): string => `${this.ms} ms`
  override act(two: Two): Promise<void> {
    return pass(two.time, this.ms, ...two.replicas)
  }
}

const which = fc.nat({ max: 1 })
const key = fc.constantFrom(...keys)
const scope = fc.oneof(
  fc.constant<Scope>('everything'),
  fc.constantFrom<Scope>({ group: 'a' }, { group: 'b' }, { resource: 'a/1' }, { resource: 'b/1' }),
)
const asks = fc.tuple(which, key, fc.constant({})).map((of) => new Ask(...of))
const endings = fc
  .tuple(
    fc.nat({ max: 5 }),
    fc.constantFrom<End['ending']>('found', 'found', 'found', 'notFound', 'broken', 'refused'),
  )
  .map((of) => new End(...of))
const steps = fc.commands(
  [
    ...Array.from({ length: 6 }, () => asks),
    ...Array.from({ length: 5 }, () => endings),
    ...Array.from({ length: 2 }, () =>
      fc
        .tuple(which, key, fc.constantFrom<Demand>({ noCache: true }, { noCache: true }, { maxAgeMs: 0 }))
        .map((of) => new Ask(...of)),
    ),
    fc.tuple(which, scope).map((of) => new Purge(...of)),
    ...Array.from({ length: 2 }, () => fc.constantFrom(1, 190, 250, 950, 1_950).map((ms) => new Pause(ms))),
  ],
  { maxCommands: 60, size: 'max' },
)

describe('two caches that share a tier', () => {
  const server = onOneServer(2)

  test('whatever happens on either: no other key’s answer, nothing purged, one trip at a time, and no answer in the place of a later one', async () => {
    const setup = async (): Promise<Two> => {
      const time = createTime()
      const prefix = newPrefix()
      const replicas = server().ways.map((way) =>
        createReplica({ way, time, prefix, windows: modelWindows, random: () => 0.5 }),
      )
      // One has run for longer than the other, and their timelines differ by as much.
      replicas[0]?.clock.advance(7)
      await settle(...replicas)
      return new Two(time, replicas)
    }
    await fc.assert(
      fc.asyncProperty(steps, async (commands) => {
        const real = await setup()
        await fc.asyncModelRun(() => ({ model: {}, real }), commands)
      }),
      { numRuns: 300 },
    )
  })
})
