/** The OpenAPI document as data, and whether an answer is one that it describes: no status, header or value but those. */

import assert from 'node:assert/strict'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

export interface Referred {
  readonly $ref?: string
}

export interface Parameter extends Referred {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
  readonly schema: Schema
  readonly style?: string
  readonly explode?: boolean
}

export type Schema = Readonly<Record<string, unknown>>

export interface Header extends Referred {
  readonly required: boolean
  readonly schema: Schema
}

export interface Response extends Referred {
  readonly description: string
  readonly headers?: Readonly<Record<string, Header>>
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>
}

export interface PlainOperation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly security: readonly object[]
  readonly responses: Readonly<Record<string, Response>>
}

export interface PathItem {
  readonly parameters?: readonly Parameter[]
  readonly get?: PlainOperation
  readonly delete?: PlainOperation
  readonly servers?: readonly { readonly url: string }[]
}

export interface Document {
  readonly info: { readonly version: string; readonly description: string }
  readonly servers: readonly { readonly url: string }[]
  readonly paths: Readonly<Record<string, PathItem>>
  readonly components: {
    readonly responses: Readonly<Record<string, Response>>
    readonly parameters: Readonly<Record<string, Parameter>>
    readonly schemas: Readonly<Record<string, Schema>>
  }
}

export interface Operation extends PlainOperation {
  readonly method: 'GET' | 'HEAD' | 'DELETE'
  readonly path: string
  readonly parameters: readonly Parameter[]
  readonly isOfCallersPort: boolean
}

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** Framing, and what a connection needs: RFC 9110 and 9112, and not this API. */
const ofTheWire = new Set([
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'transfer-encoding',
])

export class Described {
  readonly document: Document
  /** By their ids; HEAD of each GET with the document's word for it: described as the GET is. */
  readonly operations: ReadonlyMap<string, Operation>
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true })
  readonly #compiled = new Map<Schema, ValidateFunction>()

  constructor(document: Document) {
    addFormats.default(this.#ajv)
    this.document = document
    this.operations = new Map(
      Object.entries(document.paths).flatMap(([path, item]) =>
        (['GET', 'HEAD', 'DELETE'] as const).flatMap((method) => {
          const operation = method === 'DELETE' ? item.delete : item.get
          if (operation === undefined) return []
          const parameters = (item.parameters ?? []).map((each) => this.resolved(each))
          const isOfCallersPort = item.servers === undefined
          const operationId = method === 'HEAD' ? headOf(operation.operationId) : operation.operationId
          return [[operationId, { ...operation, operationId, method, path, parameters, isOfCallersPort }]]
        }),
      ),
    )
  }

  resolved<T extends Referred>(part: T): T {
    if (part.$ref === undefined) return part
    const found = part.$ref
      .slice('#/'.length)
      .split('/')
      .reduce<unknown>((within, name) => (within as Record<string, unknown>)[name], this.document)
    assert.ok(found !== undefined, `${part.$ref} is nowhere`)
    return found as T
  }

  /** @returns what is wrong with it; `undefined` where nothing is */
  faultOf(value: unknown, schema: Schema): string | undefined {
    let validate = this.#compiled.get(schema)
    if (validate === undefined) {
      // References lead into the components, which are therefore a part of each schema.
      validate = this.#ajv.compile({ allOf: [schema], components: this.document.components })
      this.#compiled.set(schema, validate)
    }
    return validate(value) ? undefined : this.#ajv.errorsText(validate.errors)
  }

  /** @param isHead no body comes, whatever is described */
  assertDescribes(described: Response, { headers, body }: Answered, isHead = false): void {
    const response = this.resolved(described)
    this.#assertHeaders(response, headers)
    const type = String(headers['content-type'] ?? '').split(';')[0] ?? ''
    if (response.content === undefined) return assert.deepEqual([type, body], ['', ''])
    const content = response.content[type]
    assert.ok(content, `a body of the type ${type} is not described`)
    if (isHead) return assert.equal(body, '')
    const value: unknown = type === 'application/json' ? JSON.parse(body) : body
    assert.equal(this.faultOf(value, content.schema), undefined, body.slice(0, 500))
  }

  #assertHeaders(response: Response, headers: Answered['headers']): void {
    const known = new Map(
      Object.entries(response.headers ?? {}).map(([name, header]) => [
        name.toLowerCase(),
        this.resolved(header),
      ]),
    )
    const [first = ''] = response.description.split('\n')
    for (const name of Object.keys(headers)) {
      assert.ok(known.has(name) || ofTheWire.has(name), `${name} is not described for: ${first}`)
    }
    for (const [name, { required, schema }] of known) {
      const value = headers[name]
      if (value === undefined) assert.ok(!required, `${name} is missing`)
      else
        assert.equal(this.faultOf(fromHeader(value, schema), schema), undefined, `${name}: ${String(value)}`)
    }
  }
}

export function headOf(operationId: string): string {
  return `HEAD of ${operationId}`
}

function fromHeader(value: string | string[], { type }: Schema): unknown {
  return type === 'integer' && /^-?\d+$/.test(String(value)) ? Number(value) : value
}
