/**
 * A read, from the outside: what is asked of the cache, and what it found, and how (RFC 9211 in our words).
 *
 * @module
 */

import type { Demand } from './demand.ts'
import type { Answer, Entry, Unchanged } from './entry.ts'
import type { Flight } from './flights.ts'

export interface Asking {
  /** `group/rest` or `group/rest?variant`: see `Scope`. */
  readonly key: string
  readonly demand: Demand
  /** Aborts when the caller leaves. */
  readonly leaves: AbortSignal
  /**
   * One trip for this key; it alone decides what may be stored, by resolving.
   *
   * @param validator of the answer that is held; only then may it bring `Unchanged`
   */
  readonly fetch: (flight: Flight, validator: string | undefined) => Promise<Answer | Unchanged>
}

export interface Found {
  readonly entry: Entry
  readonly how: Outcome
  readonly ageMs: number
  /** How much longer it is fresh; negative: for how long it has not been. */
  readonly ttlMs: number
  /** Absent when the cache itself had what was needed. */
  readonly forwarded?: Forwarded
}

/** How an answer came about, in one word: for records and metrics. */
export type Outcome =
  | 'hit'
  /** Not fresh any more; a refresh is under way, unless it would be in vain. */
  | 'stale'
  | 'miss'
  /** What was stored needed asking about. */
  | 'expired'
  /** Another caller's trip brought it. */
  | 'collapsed'
  /** The caller would not have what was stored. */
  | 'bypass'
  /** Graph failed. */
  | 'lastResort'

/** RFC 9211 §2.2–§2.8. */
export interface Forwarded {
  readonly why: 'uri-miss' | 'stale' | 'request' | 'bypass'
  /** What came back; absent when nothing did. */
  readonly status?: number | undefined
  /** Whether the next one who asks will find it. */
  readonly isStored: boolean
  readonly isCollapsed: boolean
  /** `code` of the failure because of which this is a last resort. */
  readonly failure?: string
}
