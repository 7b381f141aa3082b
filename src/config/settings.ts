/**
 * The configuration in effect, and who said so: what `print-config` shows.
 *
 * @module
 */

import { Document } from 'yaml'
import { alternative, outline } from './outline.ts'
import type { Outline } from './outline.ts'
import { formatPath, parsePath } from './path.ts'
import type { Path } from './path.ts'
import { redacted } from './secret.ts'
import { toValue } from './tree.ts'
import type { Place, Tree } from './tree.ts'

/** One value that has no keys below it. Items of a list of maps count one by one, other lists as a whole. */
export interface Setting {
  /** `server.drain.delay` */
  path: string
  /** As it was written, or as the default is; `[redacted]` for a secret. */
  value: unknown
  from: 'default' | `env ${string}` | `${string}:${number}`
  secret: boolean
}

/** @param tree the whole document, known to be valid */
export function settingsOf(tree: Tree): Setting[] {
  return settings(outline(), tree, [])
}

function settings(node: Outline, tree: Tree | undefined, path: Path): Setting[] {
  const { properties, required, additionalProperties, items } = alternative(node, tree)
  if (properties !== undefined && tree?.kind !== 'leaf') {
    const children = tree?.kind === 'map' ? tree.entries : new Map<string, Tree>()
    return Object.entries(properties)
      .filter(([key, child]) => children.has(key) || !isLeftOut(child, key, required))
      .flatMap(([key, child]) => settings(child, children.get(key), [...path, key]))
  }
  if (tree === undefined) {
    if (node.default === undefined) return []
    return [{ path: formatPath(path), value: node.default, from: 'default', secret: false }]
  }
  if (tree.kind === 'map' && additionalProperties && tree.entries.size > 0) {
    return [...tree.entries].flatMap(([key, child]) => settings(additionalProperties, child, [...path, key]))
  }
  if (tree.kind === 'list' && tree.items.some(({ kind }) => kind === 'map')) {
    return tree.items.map((item, index) => leaf(items ?? {}, item, [...path, index]))
  }
  return [leaf(node, tree, path)]
}

/** A map that need not be written has no defaults inside until it is. */
function isLeftOut(node: Outline, key: string, required: readonly string[] = []): boolean {
  return node.properties !== undefined && node.default === undefined && !required.includes(key)
}

function leaf(node: Outline, tree: Tree, path: Path): Setting {
  const secret = node.writeOnly === true
  return { path: formatPath(path), value: secret ? redacted : toValue(tree), from: source(tree.at), secret }
}

function source(at: Place): Setting['from'] {
  return 'file' in at ? `${at.file}:${at.line}` : `env ${at.variable}`
}

/** @returns YAML that says the same again, secrets apart; a comment after each value says where it came from */
export function printConfig(all: readonly Setting[]): string {
  const document = new Document({})
  for (const { path, value, from, secret } of all) {
    const node = document.createNode(secret ? redacted : value, { flow: true })
    node.comment = ` ${from.replaceAll(/\p{Cc}/gu, '?')}`
    document.setIn(parsePath(path), node)
  }
  return document.toString({ lineWidth: 0 })
}
