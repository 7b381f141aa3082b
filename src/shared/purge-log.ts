/**
 * What this replica knows of the purges of all: the highest number of a purge for each scope.
 *
 * An entry that is shared carries the highest number that its writer knew when its trip departed; a purge that reaches it
 * has a higher one. So whoever reads it can tell, and nothing has to be found and deleted.
 *
 * @module
 */

import { groupOf, resourceOf, type Scope } from '../cache/index.ts'

export interface PurgeLog {
  /** The highest that is known. */
  readonly number: number
  /** The highest of those that reach a key. */
  reaching(key: string): number
  /**
   * Takes note of what the log has that is new.
   *
   * @param floor of what was before nothing is known
   * @returns whether purges may have been missed, as what was known ends below the floor
   */
  hear(purges: readonly Numbered[], floor: number): boolean
}

/** The log's key, and the channel on which replicas hear that there is news in it. */
export function channelOf(prefix: string): string {
  return `${prefix}:{log}:purges`
}

export interface Numbered {
  readonly scope: Scope
  readonly number: number
}

export function createPurgeLog(): PurgeLog {
  let highest = 0
  /** Of what was written with a lower number, all is purged, or may be. */
  let everything = 0
  const scopes = new Map<string, number>()
  return {
    get number() {
      return highest
    },
    reaching(key) {
      if (scopes.size === 0) return everything
      const ofGroup = scopes.get(scopeText({ group: groupOf(key) })) ?? 0
      const ofResource = scopes.get(scopeText({ resource: resourceOf(key) })) ?? 0
      return Math.max(everything, ofGroup, ofResource)
    },
    hear(purges, floor) {
      const isMissing = floor > highest
      everything = Math.max(everything, floor)
      highest = Math.max(highest, floor)
      for (const { scope, number } of purges) {
        highest = Math.max(highest, number)
        if (scope === 'everything') everything = Math.max(everything, number)
        else scopes.set(scopeText(scope), Math.max(number, scopes.get(scopeText(scope)) ?? 0))
      }
      for (const [text, number] of scopes) if (number <= everything) scopes.delete(text)
      return isMissing
    },
  }
}

/** As it is told to other replicas. */
export function scopeText(scope: Scope): string {
  if (scope === 'everything') return '*'
  return 'group' in scope ? `group ${scope.group}` : `resource ${scope.resource}`
}

/** What cannot be read may be anything, so it is everything. */
export function scopeFrom(text: string | undefined): Scope {
  const [, kind, name = ''] = /^(group|resource) (.+)$/s.exec(text ?? '') ?? []
  if (kind === undefined) return 'everything'
  return kind === 'group' ? { group: name } : { resource: name }
}

export function isReached(key: string, scope: Scope): boolean {
  if (scope === 'everything') return true
  return 'group' in scope ? scope.group === groupOf(key) : scope.resource === resourceOf(key)
}
