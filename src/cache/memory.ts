/**
 * Entries in this process's memory, bounded in bytes; the least recently used go first.
 *
 * @module
 */

import { LRUCache } from 'lru-cache'
import type { Entry } from './entry.ts'

/** Where entries are kept. Knows nothing of freshness: it forgets only for want of room, or when told. */
export interface Store {
  get(key: string): Entry | undefined
  set(key: string, entry: Entry): void
  delete(key: string): void
  /**
   * Forgets the entries that have not been used for the longest, one by one, until one is not gone.
   *
   * @returns whether it came so far; otherwise there is more to forget
   */
  sweep(isGone: (key: string, entry: Entry) => boolean): boolean
  readonly entries: number
  readonly bytes: number
  /** Entries that had to go for want of room, so far. */
  readonly evicted: number
}

/** Objects, strings’ own headers, the map’s slots: what is live beyond the text (`make bench BENCH=cache-memory`). */
const overheadBytes = 500

/** In one sweep; more would be noticed by whoever waits for an answer just then. */
const mostSwept = 1_000

export function createMemoryStore(maxBytes: number): Store {
  let evicted = 0
  const lru = new LRUCache<string, Entry>({
    maxSize: maxBytes,
    sizeCalculation: (entry, key) => overheadBytes + key.length + textBytes(entry),
    dispose(_entry, _key, reason) {
      if (reason === 'evict') evicted += 1
    },
  })
  return {
    get: (key) => lru.get(key),
    set: (key, entry) => void lru.set(key, entry),
    delete: (key) => void lru.delete(key),
    sweep(isGone) {
      for (let swept = 0; swept < mostSwept; swept += 1) {
        const [oldest] = lru.rkeys()
        const entry = oldest === undefined ? undefined : lru.peek(oldest)
        if (oldest === undefined || entry === undefined || !isGone(oldest, entry)) return true
        lru.delete(oldest)
      }
      return false
    },
    get entries() {
      return lru.size
    },
    get bytes() {
      return lru.calculatedSize
    },
    get evicted() {
      return evicted
    },
  }
}

function textBytes({ headers, body, validator = '' }: Entry): number {
  const inHeaders = headers.reduce((bytes, [name, value]) => bytes + name.length + value.length, 0)
  return inHeaders + body.length + validator.length
}
