/**
 * The schema for editors, charts and pipelines: draft-07, describing one file.
 *
 * @module
 */

import { credentialFills, fills } from './environment.ts'
import { outline } from './outline.ts'
import type { Outline } from './outline.ts'
import type { Path } from './path.ts'

/** A file may be one of several and the environment fills some keys: neither is required here. */
export function jsonSchema(): Outline {
  const { required: _, ...root } = outline()
  const filled = new Set(
    [...fills, ...credentialFills].map(({ path }) => path.join('.')).concat('identity.credential'),
  )
  return { title: 'Session Gateway configuration', ...without(filled, root, []) }
}

function without(optional: ReadonlySet<string>, node: Outline, path: Path): Outline {
  const { required, properties, oneOf, ...rest } = node
  const stays = required?.filter((key) => !optional.has([...path, key].join('.'))) ?? []
  const inner = Object.entries(properties ?? {}).map(([key, child]): [string, Outline] => [
    key,
    without(optional, child, [...path, key]),
  ])
  return {
    ...rest,
    ...(stays.length > 0 && { required: stays }),
    ...(properties && { properties: Object.fromEntries(inner) }),
    ...(oneOf && { oneOf: oneOf.map((each) => without(optional, each, path)) }),
  }
}
