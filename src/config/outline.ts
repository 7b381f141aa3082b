/**
 * The schema as data: which keys are allowed where, their kinds, defaults and meanings. It is draft-07 JSON
 * Schema, the one form of a zod schema that is documented and may be walked.
 *
 * @module
 */

import * as z from 'zod'
import type { Path } from './path.ts'
import { schema } from './schema.ts'
import { find } from './tree.ts'
import type { Tree } from './tree.ts'

export interface Outline {
  title?: string
  description?: string
  type?: string
  const?: unknown
  enum?: readonly unknown[]
  default?: unknown
  pattern?: string
  writeOnly?: boolean
  properties?: Readonly<Record<string, Outline>>
  required?: readonly string[]
  additionalProperties?: Outline | false
  propertyNames?: Outline
  items?: Outline
  anyOf?: readonly Outline[]
  oneOf?: readonly Outline[]
}

let made: Outline | undefined

/** Made when it is asked for: a configuration without mistakes has no need of it. */
export function outline(): Outline {
  made ??= outlined()
  return made
}

function outlined(): Outline {
  return JSON.parse(JSON.stringify(z.toJSONSchema(schema, { target: 'draft-7', io: 'input' })))
}

/**
 * The alternative that `tree` was meant to be, where there are several: the one its `type` names, else the one
 * that knows most of its keys.
 */
export function alternative(node: Outline, tree: Tree | undefined): Outline {
  if (tree?.kind !== 'map') return node
  const maps = (node.oneOf ?? node.anyOf)?.filter((each) => each.properties !== undefined) ?? []
  if (node.oneOf !== undefined) {
    const type = tree.entries.get('type')
    return (
      maps.find((each) => type?.kind === 'leaf' && each.properties?.['type']?.const === type.value) ?? node
    )
  }
  const known = (each: Outline) =>
    [...tree.entries.keys()].filter((key) => Object.hasOwn(each.properties ?? {}, key))
  return maps.toSorted((a, b) => known(b).length - known(a).length)[0] ?? node
}

/** What the schema says about the value at `path`; undefined where it knows no such key. */
export function outlineAt(path: Path, tree: Tree): Outline | undefined {
  return path.reduce<Outline | undefined>((node, step, depth) => {
    if (node === undefined) return undefined
    const likeliest = alternative(node, find(tree, path.slice(0, depth)))
    if (typeof step === 'number') return likeliest.items
    const maps = [likeliest, ...(node.anyOf ?? [])].map(({ properties }) => properties ?? {})
    const map = maps.find((properties) => Object.hasOwn(properties, step))
    return map?.[step] ?? (likeliest.additionalProperties || undefined)
  }, outline())
}
