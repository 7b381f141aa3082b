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
  /** The highest of those that reach a key; `Infinity` while one of ours does whose number has not been heard. */
  reaching(key: string): number
  /** Ours: what it reaches counts no more from here on, whatever number it will have. */
  begins(scope: Scope): void
  /** The others know. */
  told(scope: Scope, number: number): void
  /** They do not, and are to be told. */
  failed(scope: Scope): void
  readonly untold: Iterable<Scope>
  /**
   * Takes note of what the log has that is new.
   *
   * @param floor of what was before nothing is known
   * @returns whether purges may have been missed, as what was known ends below the floor
   */
  hear(purges: readonly Numbered[], floor: number): boolean
}

export interface Numbered {
  readonly scope: Scope
  readonly number: number
}

/** Beyond so many everything is to be told. */
const mostUntold = 1_000

export function createPurgeLog(): PurgeLog {
  let highest = 0
  /** Of what was written with a lower number, all is purged, or may be. */
  let everything = 0
  const scopes = new Map<string, number>()
  /** Ours, by their texts: how often it is being told, and the highest number that it has been told by. */
  const ours = new Map<string, { beingTold: number; number: number }>()
  const untold = new Map<string, Scope>()

  function isOnItsWay(texts: readonly string[]): boolean {
    return texts.some((text) => ours.has(text) || untold.has(text))
  }

  function ends(scope: Scope, number: number): void {
    const one = ours.get(scopeText(scope))
    if (one === undefined) return
    one.beingTold -= 1
    one.number = Math.max(one.number, number)
    if (one.beingTold === 0 && one.number === 0) ours.delete(scopeText(scope))
  }

  return {
    get number() {
      return highest
    },
    reaching(key) {
      if (scopes.size + ours.size + untold.size === 0) return everything
      const group = scopeText({ group: groupOf(key) })
      const resource = scopeText({ resource: resourceOf(key) })
      if (isOnItsWay([scopeText('everything'), group, resource])) return Infinity
      return Math.max(everything, scopes.get(group) ?? 0, scopes.get(resource) ?? 0)
    },
    begins(scope) {
      const text = scopeText(scope)
      const one = ours.get(text) ?? { beingTold: 0, number: 0 }
      one.beingTold += 1
      ours.set(text, one)
    },
    told(scope, number) {
      ends(scope, number)
      untold.delete(scopeText(scope))
    },
    failed(scope) {
      ends(scope, 0)
      const isTooMuch = untold.size >= mostUntold || untold.has(scopeText('everything'))
      if (isTooMuch) untold.clear()
      const left = isTooMuch ? 'everything' : scope
      untold.set(scopeText(left), left)
    },
    get untold() {
      return untold.values()
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
      for (const [text, { beingTold, number }] of ours) {
        if (beingTold === 0 && (isMissing || number <= highest)) ours.delete(text)
      }
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
