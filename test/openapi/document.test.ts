import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { openApiDocument } from '../../src/http/openapi/index.ts'
import { resources } from '../../src/session/index.ts'
import { errorCodes } from '../error-codes.ts'
import { sharedWorld } from '../security/wire.ts'
import { Described, type Document, type Schema } from './document.ts'

const told = { version: '1.2.3', publicUrl: undefined, isSecure: true, selectable: ['id', 'displayName'] }
// As it is served.
const document: Document = JSON.parse(JSON.stringify(openApiDocument(told)))
const described = new Described(document)
const operations = [...described.operations.values()]

/** Every object in it, with the path to it. */
function* parts(value: unknown, path = ''): Generator<[path: string, part: Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield [path, value as Record<string, unknown>]
  for (const [name, child] of Object.entries(value)) yield* parts(child, `${path}/${name}`)
}

/** `403 accessDenied`, as the answers of this status may have it. */
function codesOf(status: string, value: unknown): string[] {
  return [...parts(value)].flatMap(([path, { enum: names = [], const: name, anyOf }]) => {
    if (!path.endsWith('/error/properties/code')) return []
    const alternatives = (anyOf ?? []) as readonly Schema[]
    const codes = [...(names as unknown[]), name, ...alternatives.map((each) => each['const'])]
    return codes.filter((code) => typeof code === 'string').map((code) => `${status} ${code}`)
  })
}

describe('the OpenAPI document', () => {
  test('is valid OpenAPI 3.1, and every reference in it leads somewhere', async () => {
    const { valid, errors } = await new Validator().validate({ ...document })
    assert.deepEqual([valid, errors], [true, undefined])
    // The validator can say no.
    const broken = { ...document, paths: { '/x': { get: { responses: 5 } } } }
    assert.equal((await new Validator().validate(broken)).valid, false)
    for (const [path, part] of parts(document)) {
      if (typeof part['$ref'] === 'string') assert.ok(described.resolved(part), path)
    }
  })

  test('describes nothing that no path refers to', () => {
    const referred = new Set([...parts(document)].map(([, { $ref }]) => $ref))
    for (const [kind, components] of Object.entries(document.components)) {
      if (kind === 'securitySchemes') continue
      for (const name of Object.keys(components)) {
        assert.ok(referred.has(`#/components/${kind}/${name}`), `${kind} ${name}`)
      }
    }
  })

  test('has the error codes of the code, with their statuses, and no other', () => {
    const answered = operations.flatMap(({ responses }) => Object.entries(responses))
    const codes = answered.flatMap(([status, response]) => codesOf(status, described.resolved(response)))
    const inProse = document.info.description.matchAll(/(\d{3}) `(\w+)`/g)
    for (const [, status, code] of inProse) codes.push(`${status} ${code}`)
    assert.deepEqual([...new Set(codes)].toSorted(), [...errorCodes()].toSorted())
  })

  test('has a path for every read, and its options', () => {
    const ofReads = operations.filter(({ method, isOfCallersPort }) => method === 'GET' && isOfCallersPort)
    const options = new Map(
      ofReads.map(({ path, parameters }) => [
        path
          .split('/')
          .slice(4)
          .join('/')
          .replaceAll(/\{\w+\}/g, '{}'),
        parameters.filter((each) => each.in === 'query').map(({ name }) => name),
      ]),
    )
    const expected = Object.values(resources).map(({ path, isList, options: others }) => [
      `${path.join('/{}/')}${isList ? '' : '/{}'}`,
      ['$select', ...others, ...(isList ? ['$skiptoken', '$skip'] : [])],
    ])
    assert.deepEqual([...options], expected)
  })

  test('names each operation once, and says of each whether it takes a token', () => {
    const ids = [...parts(document.paths)].flatMap(([, { operationId = [] }]) => operationId)
    assert.equal(new Set(ids).size, ids.length)
    for (const { operationId, tags, security, responses } of operations) {
      const isOpen = tags.includes('management')
      assert.deepEqual(security, isOpen ? [] : [{ callerToken: [] }], operationId)
      assert.equal(responses['401'] === undefined, isOpen, operationId)
    }
  })

  test('has parameters for what stands in braces in a path, and examples that hold', () => {
    for (const { path, parameters } of operations) {
      const named = parameters.filter((each) => each.in === 'path').map(({ name }) => `{${name}}`)
      assert.deepEqual(named, path.match(/\{\w+\}/g) ?? [], path)
    }
    for (const [path, schema] of parts(document)) {
      if (path.endsWith('/properties') || !Array.isArray(schema['examples'])) continue
      for (const example of schema['examples'] as unknown[])
        assert.equal(described.faultOf(example, schema), undefined, path)
    }
  })

  test('leads callers to `server.publicUrl`, or lets them say where, and operators to where it was found', () => {
    const at = (publicUrl: string | undefined, isSecure: boolean): string => {
      const { servers } = openApiDocument({ ...told, publicUrl, isSecure }) as Document
      return servers[0]?.url ?? ''
    }
    assert.equal(at('https://sessions.example.com', false), 'https://sessions.example.com')
    assert.equal(at(undefined, true), 'https://{gateway}')
    assert.equal(at(undefined, false), 'http://{gateway}')
    for (const [path, { servers }] of Object.entries(document.paths)) {
      assert.deepEqual(
        servers?.map(({ url }) => url),
        path.startsWith('/beta/') ? undefined : ['/'],
        path,
      )
    }
  })
})

describe('the management port', () => {
  const publicUrl = 'https://sessions.example.com'
  const world = sharedWorld({
    config: {
      server: { publicUrl },
      graph: { selectable: ['id', 'ownerId'] },
      access: { wallboard: { select: ['id'] } },
    },
  })

  test('serves the document of this very gateway, to whoever asks', async () => {
    const { status, headers, json } = await world().manage('/openapi.json')
    assert.deepEqual([status, headers['content-type']], [200, 'application/json; charset=utf-8'])
    const selectable = ['id', 'ownerId']
    const own = openApiDocument({ version: '0.0.0', publicUrl, isSecure: true, selectable })
    assert.deepEqual(json, JSON.parse(JSON.stringify(own)))
    assert.deepEqual(json.info.version, '0.0.0')
    assert.deepEqual(json.components.parameters.selectOfSession.schema.items.enum, selectable)
  })
})
