/**
 * Where entries are: near, in this process's memory, and far, where all replicas find them. What was found far is near
 * from then on.
 *
 * @module
 */

import { type Entry, freshness } from './entry.ts'
import type { Store } from './memory.ts'
import { type Purges, resourceOf } from './purges.ts'
import type { SharedTier } from './shared.ts'

export interface Tiers {
  /** What memory has, and is still good for anything. */
  near(key: string, now?: number): Entry | undefined
  /** What the shared tier has, and is still good for anything. It is asked once, however many want to know. */
  far(key: string): Promise<Entry | undefined>
  /** In memory. */
  keep(key: string, entry: Entry): void
  /** In memory, if it is still this one. */
  forget(key: string, entry: Entry): void
  /** Everything of this key's resource: what is gone is gone under all its keys. */
  dropNear(key: string): void
  /** Near and far; but where its own is about to be replaced, far that is left to what replaces it. */
  drop(key: string, isReplaced: boolean): void
  /** Nothing that is on its way from far counts any more. */
  purged(): void
  readonly isGone: (key: string, entry: Entry) => boolean
}

export interface TiersOptions {
  readonly store: Store
  readonly shared: SharedTier | undefined
  readonly purges: Purges
  readonly timeline: () => number
  /** Every key of a resource. */
  readonly keysOf: (resource: string) => readonly string[]
}

export function createTiers({ store, shared, purges, timeline, keysOf }: TiersOptions): Tiers {
  const lookups = new Map<string, Promise<Entry | undefined>>()

  const isGone = (key: string, entry: Entry, now = timeline()): boolean =>
    purges.hasReached(key, entry.generation) || freshness(entry, now) === 'spent'

  function near(key: string, now = timeline()): Entry | undefined {
    const entry = store.get(key)
    if (entry === undefined || !isGone(key, entry, now)) return entry
    store.delete(key)
    return undefined
  }

  function keep(key: string, entry: Entry): void {
    if (!isGone(key, entry)) store.set(key, entry)
  }

  function dropNear(key: string): void {
    for (const each of keysOf(resourceOf(key))) {
      store.delete(each)
      // What is on its way from far was sent before.
      lookups.delete(each)
    }
  }

  function lookUp(key: string, tier: SharedTier): Promise<Entry | undefined> {
    const { generation } = purges
    const lookup = tier.get(key).then((found) => {
      // It may be what has been purged since, or is gone for another reason.
      if (lookups.get(key) !== lookup) return undefined
      lookups.delete(key)
      if (found === undefined) return undefined
      const entry = { ...found, generation }
      const held = near(key)
      if (held !== undefined && held.storedAt >= entry.storedAt) return held
      if (isGone(key, entry)) return undefined
      store.set(key, entry)
      return entry
    })
    lookups.set(key, lookup)
    return lookup
  }

  return {
    near,
    far(key) {
      if (shared === undefined) return Promise.resolve(undefined)
      return lookups.get(key) ?? lookUp(key, shared)
    },
    keep,
    forget(key, entry) {
      if (store.get(key) === entry) store.delete(key)
    },
    dropNear,
    drop(key, isReplaced) {
      dropNear(key)
      shared?.delete(keysOf(resourceOf(key)).filter((each) => !isReplaced || each !== key))
    },
    purged: () => lookups.clear(),
    isGone,
  }
}
