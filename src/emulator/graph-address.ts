/**
 * Graph's reading of a path: which list, or which member of it.
 *
 * @module
 */

import { collections } from './graph-resources.ts'
import type { Collection, CollectionName } from './graph-resources.ts'

export interface GraphAddress {
  /** From the workspaces inwards: `['workspaces', 'sessions']`. */
  readonly names: readonly CollectionName[]
  /** One for each name, but for the last one of a list. */
  readonly keys: readonly string[]
  /** The innermost. */
  readonly collection: Collection
  readonly isList: boolean
}

/** What Graph says to a request it cannot make sense of (400). */
export class BadGraphRequest extends Error {}

/**
 * Keys come as segments or in parentheses, in any mixture; fixed segments match without case. A list may end in a
 * slash, as in the documented example of evaluations.
 *
 * @param path undecoded, `/beta/…`
 * @throws BadGraphRequest naming the segment that leads nowhere
 */
export function graphAddress(path: string): GraphAddress {
  const segments = path
    .slice('/beta/'.length)
    .split('/')
    .flatMap((segment) => splitKey(decode(segment)))
  if (path.endsWith('/') && segments.length % 2 === 0) segments.pop()
  const [security, copilot, ...rest] = segments
  if (!isNamed(security, 'security')) throw noSegment(security)
  if (!isNamed(copilot, 'securityCopilot')) throw noSegment(copilot ?? security)
  const names: CollectionName[] = []
  const keys: string[] = []
  let innermost: Collection | undefined
  let inside: readonly CollectionName[] = ['workspaces']
  for (let at = 0; at < rest.length; at += 2) {
    const name = inside.find((known) => isNamed(rest[at], known))
    if (name === undefined) throw noSegment(rest[at])
    names.push(name)
    innermost = collections[name]
    const key = rest[at + 1]
    if (key === undefined) break
    if (key === '') throw noSegment(key)
    keys.push(key)
    inside = innermost.under
  }
  const isList = names.length > keys.length
  if (innermost === undefined || !(isList || innermost.isReadSingly)) throw noSegment(segments.at(-1))
  return { names, keys, collection: innermost, isList }
}

/** As Graph writes it, keys in parentheses; the last one only when asked for. */
export function writtenAddress({ names, keys }: GraphAddress, { withLastKey = true } = {}): string {
  const written = names.map((name, at) => {
    const key = withLastKey || at < names.length - 1 ? keys[at] : undefined
    return key === undefined ? name : `${name}('${encodeURIComponent(key.replaceAll("'", "''"))}')`
  })
  return ['security/securityCopilot', ...written].join('/')
}

function isNamed(segment: string | undefined, name: string): boolean {
  return segment?.toLowerCase() === name.toLowerCase()
}

/** `sessions('x')` is `sessions` and `x`; a quote inside a key is doubled. */
function splitKey(segment: string): string[] {
  const [, name, key] = /^([^(]+)\('(.*)'\)$/.exec(segment) ?? []
  return name === undefined || key === undefined ? [segment] : [name, key.replaceAll("''", "'")]
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new BadGraphRequest('The request URI is not valid.')
  }
}

function noSegment(segment: string | undefined): BadGraphRequest {
  return new BadGraphRequest(`Resource not found for the segment '${segment ?? ''}'.`)
}
