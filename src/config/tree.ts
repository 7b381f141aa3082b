/**
 * What was written, and where. Maps are `Map`s: no key, whatever its name, can reach a prototype.
 *
 * @module
 */

import type { Path } from './path.ts'

export type Scalar = string | number | boolean | null

/** A file with a line and a column (both from 1), or the name of an environment variable. */
export type Place = { file: string; line: number; column: number } | { variable: string }

export interface Branch {
  kind: 'map'
  at: Place
  entries: ReadonlyMap<string, Tree>
}

/** A value's place is that of its key; in a list, its own. */
export type Tree =
  Branch | { kind: 'list'; at: Place; items: readonly Tree[] } | { kind: 'leaf'; at: Place; value: Scalar }

/** `gateway.yaml:12:5`, or `env GATEWAY_LISTEN`. */
export function formatPlace(at: Place): string {
  return 'file' in at ? `${at.file}:${at.line}:${at.column}` : `env ${at.variable}`
}

/** Puts one layer on another: maps merge, everything else is replaced. */
export function merge(under: Branch, over: Branch, path: Path = []): Branch {
  if (isTagged(path) && typeOf(under) !== typeOf(over) && typeOf(over) !== undefined) return over
  const entries = new Map(under.entries)
  for (const [key, above] of over.entries) {
    const below = entries.get(key)
    const both = below?.kind === 'map' && above.kind === 'map'
    entries.set(key, both ? merge(below, above, [...path, key]) : above)
  }
  return { ...under, entries }
}

/** Of another type, an issuer, a credential or an authentication is another thing: nothing of the former may shine through. */
function isTagged(path: Path): boolean {
  return (
    (path.length === 2 && path[0] === 'issuers') ||
    ['identity.credential', 'cache.shared.auth'].includes(path.join('.'))
  )
}

function typeOf(branch: Branch): Scalar | undefined {
  const type = branch.entries.get('type')
  return type?.kind === 'leaf' ? type.value : undefined
}

/** A tree that says one thing: `value` at `path`. */
export function single(path: readonly string[], value: Scalar | readonly Scalar[], at: Place): Branch {
  const [first = '', ...rest] = path
  const child = rest.length === 0 ? plant(value, at) : single(rest, value, at)
  return { kind: 'map', at, entries: new Map([[first, child]]) }
}

function plant(value: Scalar | readonly Scalar[], at: Place): Tree {
  return typeof value === 'object' && value !== null
    ? { kind: 'list', at, items: value.map((each) => plant(each, at)) }
    : { kind: 'leaf', at, value }
}

export function find(tree: Tree | undefined, path: Path): Tree | undefined {
  return path.reduce<Tree | undefined>((node, step) => {
    if (node?.kind === 'map') return node.entries.get(String(step))
    return node?.kind === 'list' ? node.items[Number(step)] : undefined
  }, tree)
}

/** The place of the value at `path`, or of the nearest thing around it that was written. */
export function placeOf(tree: Tree, path: Path): Place {
  const node = find(tree, path)
  return node === undefined && path.length > 0 ? placeOf(tree, path.slice(0, -1)) : (node ?? tree).at
}

/** @returns plain objects, arrays and scalars */
export function toValue(tree: Tree): unknown {
  if (tree.kind === 'leaf') return tree.value
  if (tree.kind === 'list') return tree.items.map(toValue)
  return Object.fromEntries(Array.from(tree.entries, ([key, child]) => [key, toValue(child)]))
}

/** @returns undefined where nothing was written */
export function valueAt(tree: Tree, path: Path): unknown {
  const node = find(tree, path)
  return node && toValue(node)
}

/** Nothing, where there is no map. */
export function entriesOf(tree: Tree | undefined): ReadonlyMap<string, Tree> {
  return tree?.kind === 'map' ? tree.entries : new Map()
}
