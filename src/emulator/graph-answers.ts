/**
 * Graph's bodies and headers, as documented and as recorded by others.
 *
 * @module
 */

import { createHash, randomUUID } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type { SessionAddress } from './graph-address.ts'
import type { Answer, EmulatedRequest } from './server.ts'
import { sessionProperties } from './sessions.ts'
import type { Session, SessionProperty } from './sessions.ts'

const metadata = 'https://graph.microsoft.com/beta/$metadata#security/securityCopilot'

const tips =
  'Use $select to choose only the properties your app needs, as this can lead to performance improvements. ' +
  "For example: GET security/securityCopilot/workspaces('<key>')/sessions('<guid>')?$select=createdDateTime,displayName"

export interface SessionView {
  readonly address: SessionAddress
  readonly session: Session
  readonly selected: readonly SessionProperty[] | undefined
  /** A wrong answer, for those who must notice: another session's id, or more than was asked. */
  readonly twist: 'otherId' | 'extra' | undefined
  /** Whether it carries an `ETag`, and `If-None-Match` counts. Graph has none for sessions, so far. */
  readonly hasEntityTag: boolean
}

/** A session, with `id` only when it was asked for: Graph's services differ, and this is the harder case. */
export function sessionAnswer(request: EmulatedRequest, view: SessionView): Answer {
  const { session, selected, twist } = view
  const shown = new Set<SessionProperty>(selected ?? sessionProperties)
  const unasked = sessionProperties.find((name) => name !== 'id' && !shown.has(name))
  if (twist === 'extra' && unasked !== undefined) shown.add(unasked)
  const body: Record<string, string | null> = { '@odata.context': context(view) }
  if (selected === undefined && prefersTips(request)) body['@microsoft.graph.tips'] = tips
  for (const name of sessionProperties) if (shown.has(name)) body[name] = session[name]
  if (twist === 'otherId') body['id'] = randomUUID()
  if (twist === 'extra' && unasked === undefined) body['ownerId'] = randomUUID()
  const headers = {
    'Content-Type':
      'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8',
    'OData-Version': '4.0',
  }
  if (!view.hasEntityTag) return graphAnswer(request, 200, body, headers)
  const tag = `W/"${createHash('sha256').update(JSON.stringify(body)).digest('base64url')}"`
  if (request.headers['if-none-match'] === tag) {
    return { status: 304, headers: { ETag: tag, ...requestIds(request) }, body: '' }
  }
  return graphAnswer(request, 200, body, { ...headers, ETag: tag })
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

function context({ address, selected }: SessionView): string {
  const key = encodeURIComponent(address.workspaceId.replaceAll("'", "''"))
  const projection = selected === undefined ? '' : `(${selected.join(',')})`
  return `${metadata}/workspaces('${key}')/sessions${projection}/$entity`
}

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
