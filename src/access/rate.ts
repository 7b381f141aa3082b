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
  const buckets = new LRUCache<string, { left: number; at: number }>({ max: mostBuckets })
  return {
    take(who) {
      const time = now()
      const bucket = buckets.get(who) ?? { left: count, at: time }
      const left = Math.min(count, bucket.left + (Math.max(0, time - bucket.at) / perMs) * count)
      const isAllowed = left >= 1
      buckets.set(who, { left: isAllowed ? left - 1 : left, at: time })
      return isAllowed ? 0 : Math.ceil(((1 - left) / count) * perMs)
    },
  }
}
