/**
 * The reference: what a cache must do, said as plainly as possible, one list for each thing. Slow, and beyond doubt.
 */

import type { Demand, Outcome } from '../../src/cache/index.ts'
import { relatedTo } from './answer.ts'

/** Milliseconds, small, so that a few steps cross them all; `maxRetention` cuts the last one short. */
export const modelWindows = {
  freshForMs: 1_000,
  staleWhileRevalidateMs: 1_000,
  staleIfErrorMs: 9_000,
  maxRetentionMs: 8_000,
  notFoundForMs: 200,
  jitter: 0.1,
}
const ends = { fresh: 950, stale: 1_950, lastResort: 8_000, notFound: 190 }

export type Ending = 'found' | 'notFound' | 'unchanged' | 'broken' | 'refused' | 'shut'

export interface Stored {
  readonly body: string
  readonly isFound: boolean
  readonly storedAt: number
  /** As Redis has it, and not as it was brought. */
  readonly isShared: boolean
}

export interface Trip {
  readonly id: number
  readonly key: string
  /** What was held when it was asked for, and may be confirmed. */
  readonly held: Stored | undefined
  hasDeparted: boolean
  isForKeeping: boolean
  waiters: number[]
  /** Who began it; absent when it was sent behind a stale answer. */
  readonly begunBy: number | undefined
  /** A stale answer has been given on its account: it is not called off. */
  isBehind: boolean
  /** Neither purged nor outdated by a later one. */
  counts: boolean
  /** What it brings may be shared: no other trip for its key has begun since. */
  hasLease: boolean
}

/** Where the cache keeps its entries. */
export type Kept =
  | 'inMemory'
  /** And there alone. */
  | 'shared'
  | 'inBoth'

export type Expected =
  | { readonly how: Outcome; readonly body: string }
  | { readonly error: string }
  | { readonly waitsFor: number }

export class Model {
  readonly #kept: Kept
  /** As entries age. */
  now = 0
  /** For whatever lasts. */
  lasting = 0
  readonly stored = new Map<string, Stored>()
  /** Key → the trip that is joined. */
  readonly current = new Map<string, Trip>()
  readonly inTheAir = new Map<number, Trip>()
  /** Graph as a whole is not to be asked behind a stale answer. */
  refreshesRestUntil = 0
  readonly rests = new Map<string, { code: string; forMs: number; until: number }>()
  /** Waiter → what it would have. */
  readonly demands = new Map<number, Demand>()
  trips = 0

  constructor(kept: Kept = 'inMemory') {
    this.#kept = kept
  }

  find(key: string): Stored | undefined {
    const stored = this.stored.get(key)
    if (stored === undefined) return undefined
    const end = stored.isFound ? ends.lastResort : ends.notFound
    return this.now - stored.storedAt < end ? stored : undefined
  }

  /** The states in which a stored answer will do, as this caller and this moment have it. */
  suits({ isFound, storedAt }: Stored, demand: Demand, hasFailed: boolean): boolean {
    const age = this.now - storedAt
    const freshUntil = isFound ? ends.fresh : ends.notFound
    if (demand.noCache === true || demand.noStore === true) return false
    if (demand.maxAgeMs !== undefined && age > demand.maxAgeMs) return false
    if (age < freshUntil) return demand.minFreshMs === undefined || freshUntil - age >= demand.minFreshMs
    if (!isFound || demand.minFreshMs !== undefined) return false
    if (demand.maxStaleMs !== undefined) return age - freshUntil <= demand.maxStaleMs
    return demand.maxAgeMs === undefined && (hasFailed || age < ends.stale)
  }

  ask(waiter: number, key: string, demand: Demand): Expected {
    const stored = this.find(key)
    if (stored !== undefined && this.suits(stored, demand, false)) {
      const isFresh = this.now - stored.storedAt < (stored.isFound ? ends.fresh : ends.notFound)
      if (!isFresh && demand.onlyIfCached !== true && this.#mayRefresh(key)) {
        const behind = this.current.get(key) ?? this.#start(key, undefined)
        behind.isBehind = true
        behind.isForKeeping = true
      }
      return { how: isFresh ? 'hit' : 'stale', body: stored.body }
    }
    if (demand.onlyIfCached === true) return { error: 'notCached' }
    if (this.isResting(key)) return this.#afterFailure(key, demand, this.rests.get(key)?.code ?? '')
    const joined = demand.noCache === true ? undefined : this.current.get(key)
    const trip = joined ?? this.#start(key, waiter)
    trip.waiters.push(waiter)
    trip.isForKeeping ||= demand.noStore !== true
    this.demands.set(waiter, demand)
    return { waitsFor: trip.id }
  }

  #mayRefresh(key: string): boolean {
    return this.lasting >= this.refreshesRestUntil && !this.isResting(key)
  }

  isResting(key: string): boolean {
    return this.lasting < (this.rests.get(key)?.until ?? 0)
  }

  /** @returns what each who waited gets; `by` is the answer's body */
  end(trip: Trip, ending: Ending, by: string): Map<number, Expected> {
    this.#land(trip)
    const brought = this.#brought(trip, ending, by)
    // What another trip has taken the lease for is not told to the others: they would take an earlier answer for a later.
    const isStored = this.#kept === 'inMemory' || trip.hasLease
    if (brought !== undefined) this.refreshesRestUntil = 0
    if (trip.counts && brought !== undefined) this.#keep(trip, brought, isStored)
    if (trip.counts && brought === undefined) this.#rest(trip, ending)
    return new Map(
      trip.waiters.map((waiter): [number, Expected] => {
        const demand = this.demands.get(waiter) ?? {}
        if (brought === undefined) return [waiter, this.#afterFailure(trip.key, demand, ending)]
        return [waiter, { how: waiter === trip.begunBy ? 'miss' : 'collapsed', body: brought.body }]
      }),
    )
  }

  leave(waiter: number): void {
    for (const trip of this.inTheAir.values()) {
      if (!trip.waiters.includes(waiter)) continue
      trip.waiters = trip.waiters.filter((other) => other !== waiter)
      if (trip.waiters.length === 0 && !trip.isBehind && !trip.hasDeparted) this.#land(trip)
    }
  }

  #land(trip: Trip): void {
    this.inTheAir.delete(trip.id)
    if (this.current.get(trip.key) === trip) this.current.delete(trip.key)
  }

  #outdate({ id, key }: Trip): void {
    for (const other of this.inTheAir.values()) if (other.key === key && other.id < id) other.counts = false
  }

  purge(isPurged: (key: string) => boolean): void {
    for (const map of [this.stored, this.current, this.rests]) {
      for (const key of map.keys()) if (isPurged(key)) map.delete(key)
    }
    for (const trip of this.inTheAir.values()) trip.counts &&= !isPurged(trip.key)
  }

  #start(key: string, begunBy: number | undefined): Trip {
    this.trips += 1
    for (const other of this.inTheAir.values()) if (other.key === key) other.hasLease = false
    const trip: Trip = {
      id: this.trips,
      key,
      held: this.find(key),
      hasDeparted: false,
      waiters: [],
      begunBy,
      isBehind: false,
      isForKeeping: false,
      counts: true,
      hasLease: true,
    }
    this.current.set(key, trip)
    this.inTheAir.set(trip.id, trip)
    return trip
  }

  #brought(trip: Trip, ending: Ending, body: string): Stored | undefined {
    if (ending === 'unchanged') return trip.held && { ...trip.held, storedAt: this.now, isShared: false }
    if (ending === 'found') return { body, isFound: true, storedAt: this.now, isShared: false }
    return ending === 'notFound' ? { body, isFound: false, storedAt: this.now, isShared: false } : undefined
  }

  #keep(trip: Trip, brought: Stored, isStored: boolean): void {
    this.#outdate(trip)
    this.rests.delete(trip.key)
    if (!brought.isFound) this.#drop(trip.key)
    if (!trip.isForKeeping) return
    if (isStored) this.stored.set(trip.key, this.#kept === 'shared' ? asShared(brought) : brought)
    else this.#leaveToRedis(trip.key)
  }

  /** What is there is what Redis has: in memory it has been replaced, and that did not last. */
  #leaveToRedis(key: string): void {
    const stored = this.stored.get(key)
    if (stored !== undefined) this.stored.set(key, asShared(stored))
  }

  #drop(key: string): void {
    for (const each of relatedTo(key)) this.stored.delete(each)
  }

  #rest(trip: Trip, ending: Ending): void {
    const { key } = trip
    if (ending === 'refused') {
      this.#drop(key)
      this.#outdate(trip)
    }
    if (ending === 'shut') {
      this.refreshesRestUntil = this.lasting + 2_000
      return
    }
    const first = ending === 'refused' ? 10_000 : 1_000
    const before = this.rests.get(key)
    const doubled = before !== undefined && this.lasting < before.until + 60_000 ? 2 * before.forMs : 0
    const forMs = Math.min(60_000, 8 * first, Math.max(first, doubled))
    this.rests.set(key, { code: ending, forMs, until: this.lasting + forMs })
  }

  #afterFailure(key: string, demand: Demand, code: string): Expected {
    const kept = this.find(key)
    if (kept === undefined || code === 'refused' || !this.suits(kept, demand, true)) return { error: code }
    return { how: 'lastResort', body: kept.body }
  }
}

/** By Redis' time it seems older than it is: by the millisecond that a comparison of clocks costs where no time passes. */
function asShared(stored: Stored): Stored {
  return stored.isShared ? stored : { ...stored, storedAt: stored.storedAt - 1, isShared: true }
}
