/**
 * Have we a usable answer? If not, one trip brings it, however many wait.
 *
 * @module
 */

import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import { createBackOffs } from './back-offs.ts'
import { type Demand, suits } from './demand.ts'
import { createEntry, type Entry, freshness, renewEntry, type Unchanged, type Windows } from './entry.ts'
import { NotCached } from './errors.ts'
import { createFlights, type Flight } from './flights.ts'
import type { Asking, Forwarded, Found } from './reading.ts'
import type { Store } from './memory.ts'
import { createPurges, type Scope } from './purges.ts'
import { createTimeline } from './timeline.ts'

export interface Cache {
  /** @throws {NotCached}; whatever the trip rejects with; `leaves.reason` */
  read(asking: Asking): Promise<Found>
  /** What was asked for before is not given to anybody who asks from now on. */
  purge(scope: Scope): void
  readonly store: Store
  readonly inTheAir: number
  /** No more trips but those that somebody waits for. */
  close(): void
}

export interface CacheOptions {
  readonly store: Store
  readonly windows: Windows
  readonly clock: Clock
  /** 0 ≤ n < 1. */
  readonly random: () => number
  readonly observer: CacheObserver
}

export interface CacheObserver {
  /** A trip that no caller waited for has ended. */
  refreshed(isSuccess: boolean): void
  /** A trip failed, and callers may not notice, since there is an older answer for them. */
  failedBehind(failure: GatewayError): void
}

const sweepEveryMs = 10_000
const sweepOnMs = 10

export function createCache({ store, windows, clock, random, observer }: CacheOptions): Cache {
  const timeline = createTimeline(clock)
  const flights = createFlights<Landed>()
  const backOffs = createBackOffs(clock.monotonic)
  const purges = createPurges()
  /** Graph as a whole is not to be asked before: then nothing is asked behind stale answers. On the monotonic clock. */
  let refreshesRestUntil = 0
  let isClosed = false

  const isGone = (key: string, entry: Entry, now = timeline()): boolean =>
    purges.hasReached(key, entry.generation) || freshness(entry, now) === 'spent'

  /** What is stored and still good for anything. */
  function find(key: string, now = timeline()): Entry | undefined {
    const entry = store.get(key)
    if (entry === undefined || !isGone(key, entry, now)) return entry
    store.delete(key)
    return undefined
  }

  async function read(asking: Asking): Promise<Found> {
    const { key, demand } = asking
    const now = timeline()
    const stored = find(key, now)
    if (stored !== undefined && suits(stored, demand, now, stored.revalidateUntil)) {
      const isFresh = now < stored.freshUntil
      if (!isFresh && demand.onlyIfCached !== true) refresh(asking)
      return { ...told(stored, now), how: isFresh ? 'hit' : 'stale' }
    }
    if (demand.onlyIfCached === true) throw new NotCached()
    const why = whyForwarded(stored, demand, now)
    try {
      return await bring(asking, why)
    } catch (error) {
      const kept = find(key)
      if (kept === undefined || !isOutage(error) || !suits(kept, demand, timeline(), kept.errorUntil))
        throw error
      const forwarded = {
        why,
        status: error.receivedStatus,
        isStored: false,
        isCollapsed: false,
        failure: error.code,
      }
      return { ...told(kept), how: 'lastResort', forwarded }
    }
  }

  async function bring(asking: Asking, why: Forwarded['why']): Promise<Found> {
    const { key, demand, leaves } = asking
    const rests = backOffs.of(key)
    if (rests !== undefined) throw rests
    const depart = (flight: Flight): Promise<Landed> => trip(asking, flight)
    const passenger = { leaves, keeps: demand.noStore !== true }
    const { result, isCollapsed } = await (demand.noCache === true
      ? flights.overtake(key, depart, passenger)
      : flights.join(key, depart, passenger))
    const { entry, status } = result
    const forwarded = { why, status, isStored: store.get(key) === entry, isCollapsed }
    return { ...told(entry), how: isCollapsed ? 'collapsed' : outcomes[why], forwarded }
  }

  function refresh(asking: Asking): void {
    if (isClosed || clock.monotonic() < refreshesRestUntil || backOffs.of(asking.key) !== undefined) return
    flights.send(asking.key, async (flight) => {
      try {
        const landed = await trip(asking, flight)
        observer.refreshed(true)
        return landed
      } catch (error) {
        if (!isClosed) observer.refreshed(false)
        throw error
      }
    })
  }

  async function trip(asking: Asking, flight: Flight): Promise<Landed> {
    const { key, fetch } = asking
    const { generation } = purges
    const held = find(key)
    try {
      const brought = await fetch(flight, held?.validator)
      const making = { now: timeline(), generation, windows, random }
      refreshesRestUntil = 0
      const entry = brought.status === 304 ? renewed(held, brought, making) : createEntry(brought, making)
      if (flight.counts) {
        flight.lands()
        backOffs.succeeded(key)
        keep(asking, entry, flight.isForKeeping)
      }
      return { entry, status: brought.status }
    } catch (error) {
      if (flight.counts) failed(asking, error, flight)
      throw error
    }
  }

  function keep({ key, related }: Asking, entry: Entry, isForKeeping: boolean): void {
    // What Graph no longer has, we no longer have: not even where the 404 itself is not to be kept.
    if (entry.status !== 200) drop(related)
    if (isForKeeping && !isGone(key, entry)) store.set(key, entry)
  }

  function drop(related: Asking['related']): void {
    for (const key of related()) store.delete(key)
  }

  function failed({ key, related }: Asking, error: unknown, flight: Flight): void {
    backOffs.failed(key, error)
    if (!(error instanceof GatewayError)) return
    // It has named a time for all of Graph, and not for this key.
    if (error.retryAfterMs !== undefined) refreshesRestUntil = clock.monotonic() + error.retryAfterMs
    if (find(key) !== undefined && !isClosed) observer.failedBehind(error)
    if (error.allowsLastResort) return
    // Not an outage but a "no": what we kept is not ours to give any more.
    flight.lands()
    drop(related)
  }

  function told(entry: Entry, now = timeline()): Pick<Found, 'entry' | 'ageMs' | 'ttlMs'> {
    return { entry, ageMs: now - entry.storedAt, ttlMs: entry.freshUntil - now }
  }

  let cancelSweep = (): void => {}
  function sweepIn(delayMs: number): void {
    cancelSweep = clock.after(delayMs, () => sweepIn(store.sweep(isGone) ? sweepEveryMs : sweepOnMs))
  }
  sweepIn(sweepEveryMs)

  return {
    read,
    purge(scope) {
      if (scope === 'everything') {
        purges.ofEverything()
        flights.detach(() => true)
        backOffs.forget(() => true)
        // They are not given to anybody any more; now they leave the memory, too.
        cancelSweep()
        if (!isClosed) sweepIn(0)
      } else if ('group' in scope) {
        const isOfGroup = (key: string): boolean => key.startsWith(`${scope.group}/`)
        purges.ofGroup(scope.group)
        flights.detach(isOfGroup)
        backOffs.forget(isOfGroup)
      } else {
        const keys = new Set(scope.keys)
        for (const key of keys) store.delete(key)
        flights.detach((key) => keys.has(key))
        backOffs.forget((key) => keys.has(key))
      }
    },
    store,
    get inTheAir() {
      return flights.inTheAir
    },
    close() {
      isClosed = true
      cancelSweep()
    },
  }
}

interface Landed {
  readonly entry: Entry
  /** What the origin answered. */
  readonly status: number
}

function whyForwarded(stored: Entry | undefined, demand: Demand, now: number): Forwarded['why'] {
  if (demand.noStore === true) return 'bypass'
  if (stored === undefined) return 'uri-miss'
  return now < stored.freshUntil ? 'request' : 'stale'
}

const outcomes = { 'uri-miss': 'miss', stale: 'expired', request: 'bypass', bypass: 'bypass' } as const

function isOutage(error: unknown): error is GatewayError {
  return error instanceof GatewayError && error.allowsLastResort
}

function renewed(
  held: Entry | undefined,
  unchanged: Unchanged,
  making: Parameters<typeof renewEntry>[2],
): Entry {
  if (held === undefined) throw new TypeError('a 304 to a question that named no validator')
  return renewEntry(held, unchanged, making)
}
