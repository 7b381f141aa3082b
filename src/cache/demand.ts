/**
 * What a request demands of the cache: the directives of `Cache-Control` (RFC 9111 §5.2.1).
 *
 * A cache may ignore them (§5.2.1), and this one does unless the caller's rule lets it bypass the cache: each trip they
 * cause costs every other caller some of Graph's patience. `only-if-cached` causes none, so everybody may say it.
 *
 * @module
 */

import type { Entry } from './entry.ts'

/** Milliseconds; what was not said is absent. */
export interface Demand {
  /** Nothing stored will do, and no trip that has begun already. */
  readonly noCache?: boolean
  /** Nothing stored will do, and what comes is not stored for this request. */
  readonly noStore?: boolean
  /** No trip: something stored, or nothing. */
  readonly onlyIfCached?: boolean
  readonly maxAgeMs?: number | undefined
  readonly minFreshMs?: number | undefined
  /** Infinity: however stale. */
  readonly maxStaleMs?: number | undefined
}

const nothing: Demand = {}

/**
 * @param field the value of `Cache-Control`, several lines joined by commas; what cannot be read is ignored
 * @param mayBypass whether directives that can cause a trip count
 */
export function demandOf(field: string | undefined, mayBypass: boolean): Demand {
  if (field === undefined) return nothing
  const said = directives(field)
  const onlyIfCached = said.has('only-if-cached')
  if (!mayBypass) return onlyIfCached ? { onlyIfCached } : nothing
  return {
    noCache: said.has('no-cache'),
    noStore: said.has('no-store'),
    onlyIfCached,
    maxAgeMs: milliseconds(said.get('max-age')),
    minFreshMs: milliseconds(said.get('min-fresh')),
    maxStaleMs: said.get('max-stale') === '' ? Infinity : milliseconds(said.get('max-stale')),
  }
}

/** Longer than anything is kept (RFC 9111 §1.2.2). */
const mostSeconds = 2 ** 31

function milliseconds(seconds: string | undefined): number | undefined {
  if (seconds === undefined || !/^\d+$/.test(seconds)) return undefined
  return Math.min(Number(seconds), mostSeconds) * 1000
}

/** Names in lower case; arguments with or without quotes (§5.2), empty where there is none. The first one counts. */
function directives(field: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, name = '', quoted, plain = ''] of field.matchAll(directive)) {
    const known = name.toLowerCase()
    if (!found.has(known)) found.set(known, quoted ?? plain)
  }
  return found
}

/** A whole element of the list: what stands inside the quotes of another is no directive. */
const directive =
  /(?<=^|,)[ \t]*([!#$%&'*+.^_`|~\w-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~\w-]*)))?[ \t]*(?=,|$)/g

/**
 * Whether an entry will do for a request, as it is.
 *
 * @param until how long the operator lets it be given stale where the request says nothing of the kind:
 *   `revalidateUntil`, or `errorUntil` once the origin has failed
 */
export function suits(entry: Entry, demand: Demand, now: number, until: number): boolean {
  const { noCache, noStore, maxAgeMs, minFreshMs, maxStaleMs } = demand
  if (noCache === true || noStore === true) return false
  if (now - entry.storedAt > (maxAgeMs ?? Infinity)) return false
  const freshForMs = entry.freshUntil - now
  if (freshForMs > 0) return freshForMs >= (minFreshMs ?? 0)
  if (minFreshMs !== undefined) return false
  if (maxStaleMs !== undefined) return -freshForMs <= maxStaleMs && now < entry.errorUntil
  return maxAgeMs === undefined && now < until
}
