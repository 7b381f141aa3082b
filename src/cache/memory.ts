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
  readonly entries: number
  readonly bytes: number
}

/** Objects, strings’ own headers, the map’s slots: what is live beyond the text (`make bench BENCH=cache-memory`). */
const overheadBytes = 1_200

export function createMemoryStore(maxBytes: number): Store {
  const lru = new LRUCache<string, Entry>({
    maxSize: maxBytes,
    sizeCalculation: (entry, key) => overheadBytes + key.length + entry.body.length + headerBytes(entry),
  })
  return {
    get: (key) => lru.get(key),
    set: (key, entry) => void lru.set(key, entry),
    delete: (key) => void lru.delete(key),
    get entries() {
      return lru.size
    },
    get bytes() {
      return lru.calculatedSize
    },
  }
}

function headerBytes({ headers }: Entry): number {
  return headers.reduce((bytes, [name, value]) => bytes + name.length + value.length, 0)
}
