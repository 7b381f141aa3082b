/**
 * How often: a token bucket per rule and caller, in this process.
 *
 * @module
 */

import { LRUCache } from 'lru-cache'

export interface Rate {
  /** Requests per period; also how many may come at once. */
  readonly count: number
  readonly perMs: number
}

export interface Limiter {
  /** @returns 0: go ahead; otherwise milliseconds until the next request may pass */
  take(who: string): number
}

/** Beyond this many callers of one rule the one seen longest ago starts anew, with a full bucket. */
const mostBuckets = 10_000

export function createLimiter({ count, perMs }: Rate, now: () => number): Limiter {
  // Whole numbers, in parts of a request: each millisecond adds `count` of them and a request takes `perMs`. Fractions
  // would add up to a hair less than a request just when the caller has waited as long as it was told.
  const full = count * perMs
  const buckets = new LRUCache<string, { left: number; at: number }>({ max: mostBuckets })
  return {
    take(who) {
      const time = now()
      const bucket = buckets.get(who) ?? { left: full, at: time }
      const left = Math.min(full, bucket.left + Math.max(0, time - bucket.at) * count)
      const isAllowed = left >= perMs
      buckets.set(who, { left: isAllowed ? left - perMs : left, at: time })
      return isAllowed ? 0 : Math.ceil((perMs - left) / count)
    },
  }
}
