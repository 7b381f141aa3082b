/**
 * Answers: what a found entry, or an error, becomes on the wire.
 *
 * @module
 */

import { type Found, NotCached } from '../cache/index.ts'
import { Unauthenticated } from '../callers/index.ts'
import type { GatewayError } from '../errors.ts'
import type { PassedOn } from '../graph/index.ts'
import { etagMatches } from './conditional.ts'
import { MethodNotAllowed } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { Passing } from './passing.ts'

export interface Answer {
  readonly status: number
  /** Names and values in turn, as `writeHead` takes them. */
  readonly headers: string[]
  /** Bytes, one character each (latin1). */
  readonly body: string
}

/** Its body is still on its way. */
export interface PassingAnswer extends Omit<Answer, 'body'> {
  readonly body: Passing
}

/** The name by which this cache and proxy speaks of itself (RFC 9211 §2, RFC 9209 §2). */
const self = 'session-gateway'

/** An answer of Graph's that is passed on while it comes; 404 and 410 in our envelope. */
export function answerPassedOn(
  exchange: Exchange,
  passed: PassedOn,
  passing: Passing | undefined,
): Answer | PassingAnswer {
  const telling = ['cache-status', `${self}; fwd=bypass; fwd-status=${passed.status}`]
  if (passing === undefined) {
    const message = 'Microsoft Graph has no such thing here.'
    return envelope(exchange, passed.status, { code: passed.errorCode ?? 'itemNotFound', message }, telling)
  }
  return {
    status: passed.status,
    headers: [...identifying(exchange), ...telling, 'cache-control', 'no-store', ...passed.headers.flat()],
    body: passing,
  }
}

/** A found entry: 200, 304, or Graph's own 404 or 410 in our envelope. */
export function answerFound(exchange: Exchange, found: Found): Answer {
  const { entry } = found
  const telling = ['cache-status', cacheStatus(found)]
  // RFC 9111 §5.1: an answer made for another request has an age, however small.
  if (!isFetchedForThis(found)) telling.push('age', String(Math.floor(found.ageMs / 1000)))
  if (entry.status !== 200) {
    const message = 'Microsoft Graph has no such session in this workspace.'
    return envelope(exchange, entry.status, { code: entry.errorCode ?? 'itemNotFound', message }, telling)
  }
  const headers = identifying(exchange)
  headers.push(...telling, 'etag', entry.etag, 'cache-control', 'private, no-cache')
  if (etagMatches(exchange.request.headers['if-none-match'], entry.etag)) {
    return { status: 304, headers, body: '' }
  }
  for (const [name, value] of entry.headers) headers.push(name, value)
  headers.push('content-length', String(entry.body.length))
  return { status: 200, headers, body: entry.body }
}

/** Any error, in Graph's envelope, so that Graph's clients read it like one of Graph's own. */
export function answerError(exchange: Identified, error: GatewayError): Answer {
  const headers: string[] = []
  if (error.proxyError !== undefined) headers.push('proxy-status', proxyStatus(error))
  if (error instanceof NotCached) headers.push('cache-status', `${self}; detail=only-if-cached`)
  if (error.retryAfterMs !== undefined) {
    headers.push('retry-after', String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))))
  }
  if (error instanceof Unauthenticated) {
    // RFC 6750 §3.1: no error code for a request that showed no token.
    headers.push(
      'www-authenticate',
      `Bearer realm="${self}"${error.hasToken ? ', error="invalid_token"' : ''}`,
    )
  }
  if (error instanceof MethodNotAllowed) headers.push('allow', error.allowed)
  return envelope(exchange, error.status, { code: error.code, message: error.message }, headers)
}

/** The parts of an exchange that an answer names. */
export type Identified = Pick<Exchange, 'requestId' | 'clientRequestId' | 'arrivedAt'>

/** Graph's error envelope ("Microsoft Graph error responses and resource types"). */
export function envelope(
  exchange: Identified,
  status: number,
  error: { readonly code: string; readonly message: string },
  headers: readonly string[],
): Answer {
  const innerError = {
    date: new Date(exchange.arrivedAt).toISOString().slice(0, 19),
    'request-id': exchange.requestId,
    'client-request-id': exchange.clientRequestId ?? exchange.requestId,
  }
  return answerJson(exchange, status, { error: { ...error, innerError } }, headers)
}

export function answerJson(
  exchange: Identified,
  status: number,
  content: unknown,
  headers: readonly string[] = [],
): Answer {
  const body = Buffer.from(JSON.stringify(content), 'utf8').toString('latin1')
  return {
    status,
    headers: [
      ...identifying(exchange),
      ...headers,
      ...(headers.includes('cache-control') ? [] : ['cache-control', 'no-store']),
      'content-type',
      'application/json; charset=utf-8',
      'content-length',
      String(body.length),
    ],
    body,
  }
}

function identifying({ requestId, clientRequestId }: Identified): string[] {
  const headers = ['request-id', requestId, 'x-content-type-options', 'nosniff']
  if (clientRequestId !== undefined) headers.push('client-request-id', clientRequestId)
  return headers
}

/** RFC 9209. */
function proxyStatus({ proxyError, receivedStatus }: GatewayError): string {
  const received = receivedStatus === undefined ? '' : `; received-status=${receivedStatus}`
  return `${self}; error=${proxyError}${received}`
}

/** RFC 9211. */
function cacheStatus({ ttlMs, forwarded }: Found): string {
  // Away from zero, so that 0 is neither: fresh is at least 1, and stale at most -1.
  if (forwarded === undefined)
    return `${self}; hit; ttl=${Math.sign(ttlMs) * Math.ceil(Math.abs(ttlMs) / 1000)}`
  const { why, status, isCollapsed, isStored, failure } = forwarded
  const received = status === undefined ? '' : `; fwd-status=${status}`
  const fate = isCollapsed ? '; collapsed' : isStored ? '; stored' : ''
  return `${self}; fwd=${why}${received}${fate}${failure === undefined ? '' : `; detail=${failure}`}`
}

function isFetchedForThis({ forwarded }: Found): boolean {
  return forwarded !== undefined && forwarded.failure === undefined && !forwarded.isCollapsed
}
