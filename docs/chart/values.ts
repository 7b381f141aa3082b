/**
 * helm/values.yaml, read as its readers do: each value with its default and the comment above it.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'
import { isMap, isScalar, type Pair, parseDocument, stringify, type YAMLMap } from 'yaml'

export interface DocumentedValue {
  readonly path: readonly string[]
  /** Its comment, as one line; empty where there is none. */
  readonly meaning: string
  /** Its default, on one line. */
  readonly written: string
}

/** @returns those with values of their own below them, and these */
export async function documentedValues(): Promise<DocumentedValue[]> {
  const document = parseDocument(await readFile(new URL('../../helm/values.yaml', import.meta.url), 'utf8'))
  if (!isMap(document.contents)) throw new Error('helm/values.yaml is not a map')
  return valuesOf(document.contents, [])
}

function valuesOf(map: YAMLMap, above: readonly string[]): DocumentedValue[] {
  return map.items.flatMap((pair: Pair, index) => {
    const { key, value } = pair
    if (!isScalar(key)) throw new Error('a key is not a text')
    const path = [...above, String(key.value)]
    // The comment above the first key of a map hangs at the map itself.
    const comment = key.commentBefore ?? (index === 0 ? map.commentBefore : undefined) ?? ''
    const own = { path, meaning: paragraph(comment), written: onOneLine(value) }
    const inner = isMap(value) && value.flow !== true && value.items.length > 0 ? valuesOf(value, path) : []
    return [own, ...inner]
  })
}

/** What an empty line parts from the key is about the file. */
function paragraph(comment: string): string {
  const last = comment.split(/\n\s*\n/).at(-1) ?? ''
  return last
    .split('\n')
    .map((line) => line.trim())
    .join(' ')
    .trim()
}

function onOneLine(value: unknown): string {
  const plain: unknown = JSON.parse(JSON.stringify(value))
  return stringify(plain, { collectionStyle: 'flow', lineWidth: 0 }).trim()
}
