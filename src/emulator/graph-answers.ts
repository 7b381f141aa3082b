/**
 * Graph's bodies and headers, as documented and as recorded by others.
 *
 * @module
 */

import { createHash, randomUUID } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { writtenAddress } from './graph-address.ts'
import type { GraphAddress } from './graph-address.ts'
import type { Page } from './graph-collections.ts'
import type { Entity } from './graph-entities.ts'
import type { GraphOptions } from './graph-options.ts'
import type { Answer, EmulatedRequest } from './server.ts'

const metadata = 'https://graph.microsoft.com/beta/$metadata#'

export interface EntityView {
  readonly address: GraphAddress
  readonly entity: Entity
  readonly select: readonly string[] | undefined
  /** A wrong answer, for those who must notice: another entity's id, or more than was asked. */
  readonly twist: 'otherId' | 'extra' | undefined
  /** Whether it carries an `ETag`, and `If-None-Match` counts. Graph has none here, so far. */
  readonly hasEntityTag: boolean
}

/** With `id` only when it was asked for: Graph's services differ, and this is the harder case. */
export function entityAnswer(request: EmulatedRequest, view: EntityView): Answer {
  const { address, entity, select, twist } = view
  const { properties } = address.collection.type
  const shown = new Set(select ?? properties)
  const unasked = properties.find((name) => name !== 'id' && !shown.has(name))
  if (twist === 'extra' && unasked !== undefined) shown.add(unasked)
  const body = { ...annotations(request, address, select), ...picked(entity, properties, shown) }
  if (twist === 'otherId') body['id'] = randomUUID()
  if (twist === 'extra' && unasked === undefined) body['ownerId'] = randomUUID()
  if (!view.hasEntityTag) return graphAnswer(request, 200, body, contentHeaders)
  const tag = `W/"${createHash('sha256').update(JSON.stringify(body)).digest('base64url')}"`
  if (request.headers['if-none-match'] === tag) {
    return { status: 304, headers: { ETag: tag, ...requestIds(request) }, body: '' }
  }
  return graphAnswer(request, 200, body, { ...contentHeaders, ETag: tag })
}

export interface ListView {
  readonly address: GraphAddress
  readonly options: GraphOptions
  readonly page: Page
  /** Absolute. */
  readonly nextLink: string | undefined
  /** Both occur: the link before the members, or after them. */
  readonly isLinkLast: boolean
}

export function listAnswer(request: EmulatedRequest, view: ListView): Answer {
  const { address, options, page, nextLink } = view
  const { properties } = address.collection.type
  const shown = new Set(options.select ?? properties)
  const link = nextLink === undefined ? {} : { '@odata.nextLink': nextLink }
  const body = {
    ...annotations(request, address, options.select),
    ...(options.count ? { '@odata.count': page.count } : {}),
    ...(view.isLinkLast ? {} : link),
    value: page.members.map((entity) => picked(entity, properties, shown)),
    ...(view.isLinkLast ? link : {}),
  }
  return graphAnswer(request, 200, body, contentHeaders)
}

const contentHeaders = {
  'Content-Type':
    'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8',
  'OData-Version': '4.0',
}

function picked(
  entity: Entity,
  properties: readonly string[],
  shown: ReadonlySet<string>,
): Record<string, unknown> {
  return Object.fromEntries(properties.filter((name) => shown.has(name)).map((name) => [name, entity[name]]))
}

function annotations(
  request: EmulatedRequest,
  address: GraphAddress,
  select: readonly string[] | undefined,
): Record<string, unknown> {
  const projection = select === undefined ? '' : `(${select.join(',')})`
  const context = `${metadata}${writtenAddress(address, { withLastKey: false })}${projection}${address.isList ? '' : '/$entity'}`
  const isTipped = select === undefined && prefersTips(request)
  return { '@odata.context': context, ...(isTipped ? { '@microsoft.graph.tips': tips(address) } : {}) }
}

function tips({ names, keys, collection }: GraphAddress): string {
  const example = names
    .map((name, at) => `${name}${at >= keys.length ? '' : at === 0 ? "('<key>')" : "('<guid>')"}`)
    .join('/')
  const select = collection.type.properties.filter((name) => name !== 'id').toSorted()
  return `Use $select to choose only the properties your app needs, as this can lead to performance improvements. For example: GET security/securityCopilot/${example}?$select=${select.slice(0, 2).join(',')}`
}

export interface GraphError {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly headers?: Record<string, string>
}

/** Graph's error envelope; `date` has no zone, as recorded. */
export function errorAnswer(request: EmulatedRequest, error: GraphError, now: number): Answer {
  const ids = requestIds(request)
  const innerError = {
    ...(error.status === 429 ? { code: '429' } : {}),
    date: new Date(now).toISOString().slice(0, 19),
    ...ids,
  }
  return graphAnswer(
    request,
    error.status,
    { error: { code: error.code, message: error.message, innerError } },
    { 'Content-Type': 'application/json', ...error.headers },
    ids,
  )
}

function graphAnswer(
  request: EmulatedRequest,
  status: number,
  content: unknown,
  headers: Record<string, string>,
  ids = requestIds(request),
): Answer {
  const body = Buffer.from(JSON.stringify(content))
  const isCompressed = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
  return {
    status,
    headers: {
      'Cache-Control': 'no-cache',
      ...headers,
      ...(isCompressed ? { 'Content-Encoding': 'gzip' } : {}),
      Vary: 'Accept-Encoding',
      'Strict-Transport-Security': 'max-age=31536000',
      ...ids,
      'x-ms-ags-diagnostic': diagnostic,
    },
    body: isCompressed ? gzipSync(body) : body,
    isChunked: true,
  }
}

const diagnostic = JSON.stringify({
  ServerInfo: {
    DataCenter: 'Germany West Central',
    Slice: 'E',
    Ring: '3',
    ScaleUnit: '000',
    RoleInstance: 'EMULATOR0000000',
  },
})

/** Graph's own id, and the caller's, which is Graph's again when the caller sends none. */
function requestIds(request: EmulatedRequest): { 'request-id': string; 'client-request-id': string } {
  const requestId = randomUUID()
  const sent = request.headers['client-request-id']
  return { 'request-id': requestId, 'client-request-id': typeof sent === 'string' ? sent : requestId }
}

function prefersTips(request: EmulatedRequest): boolean {
  const preferences = String(request.headers['prefer'] ?? '').split(',')
  return preferences.some((preference) => preference.trim().toLowerCase() === 'ms-graph-dev-mode')
}
