/**
 * Have we a usable answer? If not, one trip brings it, however many wait.
 *
 * @module
 */

import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import { type Answer, createEntry, type Entry, isFresh, type Windows } from './entry.ts'
import { createFlights } from './flights.ts'
import type { Store } from './memory.ts'

export interface Cache {
  /**
   * @param fetch one trip for this key; it alone decides what may be stored, by resolving
   * @param leaves aborts when the caller leaves
   * @throws whatever `fetch` rejects with; `leaves.reason`
   */
  read(key: string, fetch: () => Promise<Answer>, leaves: AbortSignal): Promise<Found>
  readonly store: Store
  readonly inTheAir: number
}

export interface Found {
  readonly entry: Entry
  readonly how: Outcome
  /** Why a trip was needed (RFC 9211 §2.2); absent for a hit. */
  readonly forwarded?: 'uri-miss' | 'stale'
  /** Whether the next one who asks will find it. */
  readonly isStored: boolean
}

/** How an answer came about: RFC 9211 §2 in our words. */
export type Outcome = 'hit' | 'miss' | 'expired' | 'collapsed'

export interface CacheOptions {
  readonly store: Store
  readonly windows: Windows
  readonly clock: Clock
}

/** A failure that would repeat itself: it may ask that its key be left alone for a while. */
interface BackOff {
  readonly error: unknown
  /** On the monotonic clock. */
  readonly until: number
}

const mostBackOffs = 10_000

export function createCache({ store, windows, clock }: CacheOptions): Cache {
  const flights = createFlights<Entry>()
  const backOffs = new LRUCache<string, BackOff>({ max: mostBackOffs })

  async function trip(key: string, fetch: () => Promise<Answer>): Promise<Entry> {
    const backOff = backOffs.get(key)
    if (backOff !== undefined && clock.monotonic() < backOff.until) throw backOff.error
    try {
      const entry = createEntry(await fetch(), clock.now(), windows)
      // A 404 takes the place of a 200: what Graph no longer has, we no longer have.
      store.set(key, entry)
      return entry
    } catch (error) {
      if (error instanceof GatewayError && error.backOffMs !== undefined) {
        backOffs.set(key, { error, until: clock.monotonic() + error.backOffMs })
      }
      throw error
    }
  }

  return {
    async read(key, fetch, leaves) {
      const stored = store.get(key)
      if (stored !== undefined && isFresh(stored, clock.now()))
        return { entry: stored, how: 'hit', isStored: true }
      const { result: entry, isCollapsed } = await flights.join(key, () => trip(key, fetch), leaves)
      const [how, forwarded] =
        stored === undefined ? (['miss', 'uri-miss'] as const) : (['expired', 'stale'] as const)
      return {
        entry,
        how: isCollapsed ? 'collapsed' : how,
        forwarded,
        isStored: store.get(key) === entry,
      }
    },
    store,
    get inTheAir() {
      return flights.inTheAir
    },
  }
}
