import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import * as z from 'zod'
import { stale } from '../../docs/generate.ts'
import { loadConfig } from '../../src/config/index.ts'
import { jsonSchema } from '../../src/config/json-schema.ts'
import type { Outline } from '../../src/config/outline.ts'
import { valid } from './written.ts'

const example = fileURLToPath(new URL('../../config/gateway.yaml', import.meta.url))

function children({ properties, additionalProperties, items, anyOf, oneOf }: Outline): Outline[] {
  const one = [additionalProperties, items].filter((node) => node !== undefined && node !== false)
  return [...Object.values(properties ?? {}), ...one, ...(anyOf ?? []), ...(oneOf ?? [])]
}

function keys(node: Outline): string[] {
  return [...Object.keys(node.properties ?? {}), ...children(node).flatMap(keys)]
}

/** Keys without a word about them; a map that only groups others may have none. */
function silent(node: Outline): string[] {
  const entries = Object.entries(node.properties ?? {})
  const without = entries.filter(
    ([, child]) => child.description === undefined && child.properties === undefined,
  )
  return [...without.map(([key]) => key), ...children(node).flatMap(silent)]
}

test('the JSON Schema and the reference are what the code says (else: node docs/generate.ts)', async () => {
  assert.deepEqual(await stale(), [])
})

test('the example has no problem and no warning', async () => {
  const loaded = await loadConfig({ files: [example], env: {} })
  assert.deepEqual(loaded.ok ? [] : loaded.problems, [])
  assert.deepEqual(loaded.warnings, [])
})

test('the example shows every key', async () => {
  const text = await readFile(example, 'utf8')
  const missing = keys(jsonSchema()).filter((key) => !new RegExp(`(?:^|[\\s{#,])${key}:`, 'm').test(text))
  assert.deepEqual(missing, [])
})

test('every key says what it is for', () => {
  assert.deepEqual(silent(jsonSchema()), [])
})

test('the JSON Schema takes the example, and a file that only adds rules', async () => {
  const schema = z.fromJSONSchema(JSON.parse(JSON.stringify(jsonSchema())))
  const layer = 'access: { a: { callers: [{ issuer: x, subject: y }], workspaces: ["*"] } }'
  for (const text of [await readFile(example, 'utf8'), valid, layer]) {
    assert.deepEqual(schema.safeParse(parse(text)).error?.issues ?? [], [])
  }
  for (const wrong of ['log: { level: loud }', 'lgo: {}', 'cache: { freshFor: 30 }', 'server: {}']) {
    assert.ok(!schema.safeParse(parse(wrong)).success, wrong)
  }
})

test('secrets are marked as write-only, and defaults stand as an operator writes them', () => {
  const { properties } = jsonSchema()
  const secret = properties?.['identity']?.properties?.['credential']?.oneOf?.[0]?.properties?.['value']
  assert.equal(secret?.writeOnly, true)
  assert.equal(properties?.['cache']?.properties?.['freshFor']?.default, '30s')
})
