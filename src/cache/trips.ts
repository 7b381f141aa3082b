/**
 * One trip for a key, and what becomes of what it brings: kept here, shared with the other replicas, or told to nobody.
 *
 * @module
 */

import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { BackOffs } from './back-offs.ts'
import { createEntry, type Entry, renewEntry, type Unchanged, type Windows } from './entry.ts'
import type { Flight } from './flights.ts'
import type { Purges } from './purges.ts'
import type { Asking } from './reading.ts'
import { alone, type Claiming, type Lead, type SharedTier } from './shared.ts'
import type { Tiers } from './tiers.ts'

export interface Landed {
  readonly entry: Entry
  /** What the origin answered. */
  readonly status: number
  /** Another replica has made the trip. */
  readonly isFromElsewhere: boolean
}

export interface CacheObserver {
  /** A trip that no caller waited for has ended. */
  refreshed(isSuccess: boolean): void
  /** A trip failed, and callers may not notice, since there is an older answer for them. */
  failedBehind(failure: GatewayError): void
}

export interface TripsOptions {
  readonly tiers: Tiers
  readonly shared: SharedTier | undefined
  readonly backOffs: BackOffs
  readonly purges: Purges
  readonly windows: Windows
  readonly clock: Clock
  readonly timeline: () => number
  readonly random: () => number
  readonly observer: CacheObserver
}

export interface Trips {
  travel(asking: Asking, flight: Flight, setOut: SettingOut): Promise<Landed>
  /** Graph as a whole is not to be asked before: then nothing is asked behind stale answers. */
  readonly mayRefresh: boolean
  close(): void
}

export type SettingOut = Pick<Claiming, 'isOvertaking' | 'waitedMs'>

export function createTrips(options: TripsOptions): Trips {
  const { tiers, shared, backOffs, purges, windows, clock, timeline, random, observer } = options
  /** On the monotonic clock. */
  let refreshesRestUntil = 0
  let isClosed = false

  async function travel(asking: Asking, flight: Flight, setOut: SettingOut): Promise<Landed> {
    const { key, fetch } = asking
    const { generation } = purges
    const askedAt = timeline()
    let lead: Lead = alone
    try {
      if (shared !== undefined) {
        const { cancelled } = flight
        const claim = await shared.claim(key, { held: tiers.near(key), cancelled, ...setOut })
        if ('brought' in claim) return landedElsewhere(key, flight, { ...claim.brought, generation })
        lead = claim
      }
      const held = latest(tiers.near(key), lead.held)
      const brought = await fetch(flight, held?.validator)
      const making = { now: timeline(), askedAt, generation, windows, random }
      refreshesRestUntil = 0
      const entry = brought.status === 304 ? renewed(held, brought, making) : createEntry(brought, making)
      const isKept = flight.counts && flight.isForKeeping
      if (flight.counts) {
        flight.lands()
        backOffs.succeeded(key)
        // What Graph no longer has, we no longer have: not even where the 404 itself is not to be kept.
        if (entry.status !== 200) tiers.drop(key, isKept && lead !== alone)
      }
      if (isKept) {
        tiers.keep(key, entry)
        void share(key, entry, lead)
      } else {
        lead.fails(undefined)
      }
      return { entry, status: brought.status, isFromElsewhere: false }
    } catch (error) {
      if (flight.counts) failed(key, error, flight)
      lead.fails(error)
      throw error
    }
  }

  async function share(key: string, entry: Entry, lead: Lead): Promise<void> {
    const isLatest = await lead.lands(entry)
    if (!isLatest) tiers.forget(key, entry)
  }

  function landedElsewhere(key: string, flight: Flight, entry: Entry): Landed {
    if (flight.counts) {
      flight.lands()
      backOffs.succeeded(key)
      if (entry.status !== 200) tiers.dropNear(key)
      if (flight.isForKeeping) tiers.keep(key, entry)
    }
    return { entry, status: entry.status, isFromElsewhere: true }
  }

  function failed(key: string, error: unknown, flight: Flight): void {
    backOffs.failed(key, error)
    if (!(error instanceof GatewayError)) return
    // It has named a time for all of Graph, and not for this key.
    if (error.retryAfterMs !== undefined) refreshesRestUntil = clock.monotonic() + error.retryAfterMs
    if (tiers.near(key) !== undefined && !isClosed) observer.failedBehind(error)
    if (error.allowsLastResort) return
    // Not an outage but a "no": what we kept is not ours to give any more.
    flight.lands()
    tiers.drop(key, false)
  }

  return {
    travel,
    get mayRefresh() {
      return !isClosed && clock.monotonic() >= refreshesRestUntil
    },
    close() {
      isClosed = true
    },
  }
}

function latest(one: Entry | undefined, other: Entry | undefined): Entry | undefined {
  return other === undefined || (one !== undefined && one.storedAt >= other.storedAt) ? one : other
}

function renewed(
  held: Entry | undefined,
  unchanged: Unchanged,
  making: Parameters<typeof renewEntry>[2],
): Entry {
  if (held === undefined) throw new TypeError('a 304 to a question that named no validator')
  return renewEntry(held, unchanged, making)
}
