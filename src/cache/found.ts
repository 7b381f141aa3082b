/**
 * What the cache has found, and how: RFC 9211 in our words.
 *
 * @module
 */

import type { Entry } from './entry.ts'

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
  /** Not fresh any more, and being refreshed. */
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
