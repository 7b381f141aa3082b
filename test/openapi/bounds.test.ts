import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openApiDocument } from '../../src/http/openapi/index.ts'
import { InvalidRequest, parseReadRequest } from '../../src/session/index.ts'
import { Described, type Document } from './document.ts'
import { idsOf } from './known.ts'

const selectable = ['id', 'displayName']
const told = { version: '1', publicUrl: undefined, isSecure: true, selectable }
const described = new Described(openApiDocument(told) as Document)

const identifiers = ['default', 'x', 'x'.repeat(64), 'x'.repeat(65), '-x', 'x.y', 'x y', 'É']
const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `name${n}`)
/** On both sides of each bound. */
const values: Readonly<Record<string, readonly unknown[]>> = {
  workspaceId: identifiers,
  sessionId: ['ECDFB9B3-58f5-457f-a18c-4a477890b252', 'ecdfb9b3-58f5-457f-a18c-4a477890b25', 'default', 'x'],
  promptId: identifiers,
  evaluationId: identifiers,
  $select: [
    ['id'],
    ['id', 'displayName'],
    ['no such'],
    ['1a'],
    names(16),
    names(17),
    ['x'.repeat(64)],
    ['x'.repeat(65)],
  ],
  $count: [true, false, 'yes', 1],
  $filter: ['x', 'x'.repeat(1024), 'x'.repeat(1025), ''],
  $top: [0, 1, 1000, 1001, 1.5, -1],
  $skip: [0, 999_999_999, 1_000_000_000, -1, 0.5],
  $skiptoken: ['x', 'x'.repeat(1536), 'x'.repeat(1537), ''],
}

function isTaken(target: string): boolean {
  try {
    parseReadRequest(target, selectable)
    return true
  } catch (error) {
    assert.ok(error instanceof InvalidRequest, String(error))
    return false
  }
}

for (const operation of described.operations.values()) {
  const { operationId, method, path, parameters, isOfCallersPort } = operation
  if (!isOfCallersPort || method !== 'GET') continue

  test(`${operationId} takes of each parameter what the document says, and nothing else`, () => {
    const target = (args: Readonly<Record<string, unknown>>): string =>
      path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(args[name])))
    for (const { name, in: place, schema } of parameters) {
      if (place === 'header') continue
      for (const value of values[name] ?? []) {
        const ids = idsOf(operation)
        const asked: string =
          place === 'path'
            ? target({ ...ids, [name]: value })
            : `${target(ids)}?${name}=${encodeURIComponent(String(value))}`
        const says = described.faultOf(value, schema) === undefined
        assert.equal(isTaken(asked), says, `${name}=${JSON.stringify(value)?.slice(0, 80)}`)
      }
    }
  })
}

test('every parameter that has bounds was tried', () => {
  const bounded = [...described.operations.values()].flatMap(({ parameters }) =>
    parameters.filter((each) => each.in !== 'header').map(({ name }) => name),
  )
  assert.deepEqual([...new Set(bounded)].toSorted(), Object.keys(values).toSorted())
})
