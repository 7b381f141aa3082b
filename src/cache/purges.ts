/**
 * What has been purged, as numbers: so that a purge takes as long for a million entries as for none.
 *
 * Purges are counted, and an entry carries the count at which its trip departed. A purge of a group (or of everything)
 * notes its own number, and reaches every entry with a lower one. Replicas that share such numbers share their purges.
 *
 * @module
 */

/** What is purged together: a key is `group/rest`, or `group/rest?variant`, and `group/rest` is its resource. */
export type Scope = { readonly resource: string } | { readonly group: string } | 'everything'

export function groupOf(key: string): string {
  return key.slice(0, key.indexOf('/'))
}

export function resourceOf(key: string): string {
  const variantAt = key.indexOf('?')
  return variantAt === -1 ? key : key.slice(0, variantAt)
}

export interface Purges {
  /** How many there have been. */
  readonly generation: number
  ofGroup(group: string): void
  ofEverything(): void
  /** Whether an entry of that generation has been reached by a purge. */
  hasReached(key: string, generation: number): boolean
}

/** Beyond this many purged groups everything is purged, and they are forgotten. */
const mostGroups = 10_000

export function createPurges(): Purges {
  let generation = 0
  let everything = 0
  const groups = new Map<string, number>()

  function ofEverything(): void {
    generation += 1
    everything = generation
    groups.clear()
  }

  return {
    get generation() {
      return generation
    },
    ofGroup(group) {
      if (groups.size >= mostGroups) return ofEverything()
      generation += 1
      groups.set(group, generation)
    },
    ofEverything,
    hasReached(key, since) {
      if (since < everything) return true
      return groups.size > 0 && since < (groups.get(groupOf(key)) ?? 0)
    },
  }
}
