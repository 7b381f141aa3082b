/**
 * Have we a usable answer? If not, one trip brings it, however many wait.
 *
 * @module
 */

import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import { createBackOffs } from './back-offs.ts'
import { type Demand, suits } from './demand.ts'
import type { Entry, Windows } from './entry.ts'
import { NotCached } from './errors.ts'
import { createFlights, type Flight } from './flights.ts'
import type { Store } from './memory.ts'
import { createPurges, groupOf, type Scope } from './purges.ts'
import type { Asking, Forwarded, Found } from './reading.ts'
import type { SharedTier } from './shared.ts'
import { createTiers } from './tiers.ts'
import { type CacheObserver, createTrips, type Landed } from './trips.ts'

export interface Cache {
  /** @throws {NotCached}; whatever the trip rejects with; `leaves.reason` */
  read(asking: Asking): Promise<Found>
  /** What is fresh here and now, for one who demands nothing in particular; `read` would find the same. */
  fresh(key: string): Found | undefined
  /**
   * What was asked for before is not given to anybody who asks from now on: here at once, by the other replicas once it
   * resolves.
   *
   * @throws {PurgeNotShared} they may not have heard of it yet
   */
  purge(scope: Scope): Promise<void>
  readonly store: Store
  readonly inTheAir: number
  /** No more trips but those that somebody waits for. */
  close(): void
}

export interface CacheOptions {
  readonly store: Store
  /** Absent: this replica knows of no other. */
  readonly shared?: SharedTier | undefined
  readonly windows: Windows
  readonly clock: Clock
  /** Made from that clock (`createTimeline`). */
  readonly timeline: () => number
  /** 0 ≤ n < 1. */
  readonly random: () => number
  /** Every key of a resource (`Scope`). */
  readonly keysOf: (resource: string) => readonly string[]
  readonly observer: CacheObserver
}

const sweepEveryMs = 10_000
const sweepOnMs = 10

export function createCache(options: CacheOptions): Cache {
  const { store, shared, clock, timeline, keysOf, observer } = options
  const flights = createFlights<Landed>(timeline)
  const backOffs = createBackOffs(clock.monotonic)
  const purges = createPurges()
  const tiers = createTiers({ ...options, shared, purges })
  const trips = createTrips({ ...options, shared, tiers, backOffs, purges })

  /** What was asked for before is for when the origin fails only. */
  const vouchedSince = (now: number): number => shared?.vouchedSince(now) ?? -Infinity

  async function read(asking: Asking): Promise<Found> {
    const { key, demand, leaves } = asking
    let stored = tiers.near(key)
    const atHand = given(asking, stored)
    if (atHand !== undefined) return atHand
    const lookedAt = timeline()
    if (shared !== undefined && demand.noCache !== true && demand.noStore !== true) {
      stored = (await tiers.far(key)) ?? tiers.near(key)
      leaves.throwIfAborted()
      const fetched = given(asking, stored)
      if (fetched !== undefined) return fetched
    }
    if (demand.onlyIfCached === true) throw new NotCached()
    const why = whyForwarded(stored, demand, timeline())
    try {
      return await bring(asking, why, timeline() - lookedAt)
    } catch (error) {
      if (!isOutage(error)) throw error
      const kept = tiers.near(key) ?? (await tiers.far(key))
      if (kept === undefined || !suits(kept, demand, timeline(), kept.errorUntil)) throw error
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

  /** What is stored, if it will do; where it is not fresh, it is asked for anew behind it. */
  function given(asking: Asking, stored: Entry | undefined): Found | undefined {
    const { demand } = asking
    const now = timeline()
    if (stored === undefined || !suits(stored, demand, now, stored.revalidateUntil)) return undefined
    if (stored.askedAt < vouchedSince(now)) return undefined
    const isFresh = now < stored.freshUntil
    if (!isFresh && demand.onlyIfCached !== true) refresh(asking)
    return { ...told(stored, now), how: isFresh ? 'hit' : 'stale' }
  }

  async function bring(asking: Asking, why: Forwarded['why'], waitedMs: number): Promise<Found> {
    const { key, demand, leaves } = asking
    const askedAt = timeline()
    const rests = backOffs.of(key)
    if (rests !== undefined) throw rests
    const isOvertaking = demand.noCache === true
    const depart = (flight: Flight): Promise<Landed> =>
      trips.travel(asking, flight, { isOvertaking, waitedMs })
    const joinsSince = vouchedSince(timeline())
    const passenger = { leaves, keeps: demand.noStore !== true, joinsSince }
    const joined = await (isOvertaking
      ? flights.overtake(key, depart, passenger)
      : flights.join(key, depart, passenger))
    const { entry, status, isFromElsewhere } = joined.result
    // It may have been there before they asked, and not be what they ask for.
    if (
      isFromElsewhere &&
      entry.storedAt < askedAt &&
      !suits(entry, demand, timeline(), entry.revalidateUntil)
    ) {
      return bring({ ...asking, demand: { ...demand, noCache: true } }, why, waitedMs)
    }
    const isCollapsed = joined.isCollapsed || isFromElsewhere
    const forwarded = { why, status, isStored: store.get(key) === entry, isCollapsed }
    return { ...told(entry), how: isCollapsed ? 'collapsed' : outcomes[why], forwarded }
  }

  function refresh(asking: Asking): void {
    if (!trips.mayRefresh || backOffs.of(asking.key) !== undefined) return
    flights.send(asking.key, async (flight) => {
      try {
        const landed = await trips.travel(asking, flight, { isOvertaking: false, waitedMs: 0 })
        observer.refreshed(true)
        return landed
      } catch (error) {
        if (!isClosed) observer.refreshed(false)
        throw error
      }
    })
  }

  function told(entry: Entry, now = timeline()): Pick<Found, 'entry' | 'ageMs' | 'ttlMs'> {
    return { entry, ageMs: now - entry.storedAt, ttlMs: entry.freshUntil - now }
  }

  let isClosed = false
  let cancelSweep = (): void => {}
  function sweepIn(delayMs: number): void {
    cancelSweep = clock.after(delayMs, () => sweepIn(store.sweep(tiers.isGone) ? sweepEveryMs : sweepOnMs))
  }
  sweepIn(sweepEveryMs)

  function purgeHere(scope: Scope): void {
    tiers.purged()
    if (scope === 'everything') {
      purges.ofEverything()
      flights.detach(() => true)
      backOffs.forget(() => true)
      // They are not given to anybody any more; now they leave the memory, too.
      cancelSweep()
      if (!isClosed) sweepIn(0)
    } else if ('group' in scope) {
      const isOfGroup = (key: string): boolean => groupOf(key) === scope.group
      purges.ofGroup(scope.group)
      flights.detach(isOfGroup)
      backOffs.forget(isOfGroup)
    } else {
      const keys = new Set(keysOf(scope.resource))
      for (const key of keys) store.delete(key)
      flights.detach((key) => keys.has(key))
      backOffs.forget((key) => keys.has(key))
    }
  }
  shared?.onPurge(purgeHere)

  return {
    read,
    fresh(key) {
      const now = timeline()
      const stored = tiers.near(key, now)
      if (stored === undefined || now >= stored.freshUntil || stored.askedAt < vouchedSince(now))
        return undefined
      return { ...told(stored, now), how: 'hit' }
    },
    async purge(scope) {
      purgeHere(scope)
      await shared?.purge(scope)
    },
    store,
    get inTheAir() {
      return flights.inTheAir
    },
    close() {
      isClosed = true
      trips.close()
      cancelSweep()
    },
  }
}

function whyForwarded(stored: Entry | undefined, demand: Demand, now: number): Forwarded['why'] {
  if (demand.noStore === true) return 'bypass'
  if (stored === undefined) return 'uri-miss'
  const mayDo = demand.noCache !== true && suits(stored, demand, now, stored.revalidateUntil)
  return now < stored.freshUntil && !mayDo ? 'request' : 'stale'
}

const outcomes = { 'uri-miss': 'miss', stale: 'expired', request: 'bypass', bypass: 'bypass' } as const

function isOutage(error: unknown): error is GatewayError {
  return error instanceof GatewayError && error.allowsLastResort
}
