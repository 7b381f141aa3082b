/** A real cache, whatever it keeps its entries in, as the steps of a test of its model ask it. */

import assert from 'node:assert/strict'
import type { Answer, Cache, Demand, Found, Unchanged } from '../../src/cache/index.ts'
import type { Flight } from '../../src/cache/flights.ts'
import { Failed, type Fetch } from './answer.ts'
import type { Expected } from './model.ts'

export interface Subject {
  readonly cache: Pick<Cache, 'purge' | 'inTheAir'>
  read(key: string, fetch: Fetch, demand: Demand, leaves: AbortSignal): Promise<Found>
  /** Until everything that has been begun waits for a step of the test. */
  settle(): Promise<void>
  pass(ms: number): Promise<void>
  /** Somebody sets the clock. */
  set(byMs: number): Promise<void>
}

interface Waiter {
  readonly leaves: AbortController
  outcome: Found | Error | undefined
}

interface RealTrip extends PromiseWithResolvers<Answer | Unchanged> {
  readonly key: string
  readonly flight: Flight
  readonly validator: string | undefined
  /** The purges of its key before it began. */
  readonly begunAt: number
}

export class Real {
  readonly subject: Subject
  readonly trips = new Map<number, RealTrip>()
  readonly waiters = new Map<number, Waiter>()
  /** Body → when its trip began, and when it was stored or confirmed, in steps of this run. */
  readonly born = new Map<string, { key: string; begunAt: number }>()
  readonly purgedAt = new Map<string, number>()
  tripsBegun = 0
  steps = 0

  constructor(subject: Subject) {
    this.subject = subject
  }

  async ask(waiter: number, key: string, demand: Demand): Promise<void> {
    const leaves = new AbortController()
    const entry: Waiter = { leaves, outcome: undefined }
    this.waiters.set(waiter, entry)
    const fetch = (flight: Flight, validator: string | undefined): Promise<Answer | Unchanged> => {
      this.tripsBegun += 1
      const trip = {
        ...Promise.withResolvers<Answer | Unchanged>(),
        key,
        flight,
        validator,
        begunAt: this.steps,
      }
      // However it ends then, it is as if it had never been.
      flight.cancelled.addEventListener('abort', () => trip.reject(new Failed('refused')))
      this.trips.set(this.tripsBegun, trip)
      return trip.promise
    }
    this.subject.read(key, fetch, demand, leaves.signal).then(
      (found) => (entry.outcome = found),
      (error: Error) => (entry.outcome = error),
    )
    await this.subject.settle()
  }
}

/** What no model is needed for: nobody gets another key’s answer, or one that was purged after its trip began. */
function assertDecent(real: Real, key: string, outcome: Waiter['outcome'], isStored: boolean): void {
  if (outcome === undefined || outcome instanceof Error) return
  const born = real.born.get(outcome.entry.body)
  assert.ok(born !== undefined, 'a body from nowhere')
  assert.equal(born.key, key)
  if (isStored) assert.ok(born.begunAt > (real.purgedAt.get(key) ?? -1), 'purged, and given all the same')
}

export function assertOutcome(real: Real, key: string, waiter: number, expected: Expected): void {
  const outcome = real.waiters.get(waiter)?.outcome
  if ('waitsFor' in expected) return assert.equal(outcome, undefined, 'answered without a trip')
  assert.ok(outcome !== undefined, 'somebody waits on')
  if ('error' in expected) {
    assert.ok(outcome instanceof Error, `got ${outcome instanceof Error ? '' : outcome.how}`)
    return assert.equal('code' in outcome ? outcome.code : outcome.message, expected.error)
  }
  assert.ok(!(outcome instanceof Error), 'failed')
  assert.equal(outcome.entry.body, expected.body)
  // Why a trip was made is for another test; that there was one of its own, or of another’s, is for this one.
  const how = ['miss', 'expired', 'bypass'].includes(outcome.how) ? 'miss' : outcome.how
  assert.equal(how, expected.how)
  assertDecent(real, key, outcome, ['hit', 'stale', 'lastResort'].includes(outcome.how))
}
