export { createCache, type Cache, type CacheOptions, type Found, type Outcome } from './cache.ts'
export { createMemoryStore, type Store } from './memory.ts'
export type { Answer, Entry, Windows } from './entry.ts'
