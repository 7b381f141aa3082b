/**
 * Keys that are left alone for a while, because their last trip failed and another one at once would fail, too.
 *
 * A key that goes on failing rests twice as long each time, up to eight times as long: longer would punish its callers for
 * an outage that is over. What a trip brings, and a purge, end the rest.
 *
 * @module
 */

import { LRUCache } from 'lru-cache'
import { GatewayError } from '../errors.ts'
import { StillFailing } from './errors.ts'

/** Beyond this many resting keys the one that nobody has asked for the longest is forgotten. */
const most = 10_000
const longestMs = 60_000
const mostTimes = 8

interface BackOff {
  readonly failure: GatewayError
  readonly forMs: number
  readonly until: number
}

export interface BackOffs {
  /** What to tell whoever asks for this key, while it rests. */
  of(key: string): StillFailing | undefined
  /** Only failures that say so themselves (`backOffMs`) let their key rest. */
  failed(key: string, failure: unknown): void
  succeeded(key: string): void
  forget(matches: (key: string) => boolean): void
}

/** @param now milliseconds, of a clock that never jumps */
export function createBackOffs(now: () => number): BackOffs {
  const resting = new LRUCache<string, BackOff>({ max: most })
  return {
    of(key) {
      const backOff = resting.get(key)
      if (backOff === undefined) return undefined
      const restsForMs = backOff.until - now()
      return restsForMs > 0 ? new StillFailing(backOff.failure, restsForMs) : undefined
    },
    failed(key, failure) {
      if (!(failure instanceof GatewayError) || failure.backOffMs === undefined) return
      const before = resting.get(key)
      const isInARow = before !== undefined && now() < before.until + longestMs
      const doubledMs = isInARow ? 2 * before.forMs : 0
      const forMs = Math.min(longestMs, mostTimes * failure.backOffMs, Math.max(failure.backOffMs, doubledMs))
      resting.set(key, { failure, forMs, until: now() + forMs })
    },
    succeeded: (key) => void resting.delete(key),
    forget(matches) {
      for (const key of [...resting.keys()].filter(matches)) resting.delete(key)
    },
  }
}
