/**
 * The headers of answers, described once each.
 *
 * @module
 */

import { repeatedId } from '../exchange.ts'

interface Header {
  /** As it is written in answers. */
  readonly name: string
  readonly description: string
  readonly schema: object
  /** Whether it is there in every answer that names it. */
  readonly required: boolean
}

function always(name: string, description: string, schema: object): Header {
  return { name, description, schema: { type: 'string', ...schema }, required: true }
}

function sometimes(name: string, description: string, schema: object): Header {
  return { ...always(name, description, schema), required: false }
}

const proxyStatus = {
  pattern: String.raw`^session-gateway; error=[a-z_]+(; received-status=\d{3})?$`,
  examples: ['session-gateway; error=http_request_denied'],
}
const seconds = { type: 'integer', minimum: 1, examples: [30] }

const headers = {
  requestId: always('request-id', 'The gateway’s own id of this request: quote it when you ask for help.', {
    format: 'uuid',
  }),
  clientRequestId: sometimes(
    'client-request-id',
    'Yours, when you sent one of up to 64 letters, digits, ".", "_" and "-".',
    { pattern: repeatedId.source },
  ),
  noSniff: always('X-Content-Type-Options', 'Always "nosniff".', { const: 'nosniff' }),
  etag: always('ETag', 'The gateway’s own, strong: it names these bytes. Send it as If-None-Match.', {
    pattern: '^"[!#-~]+"$',
  }),
  mayBeKept: always('Cache-Control', 'You may keep the answer, and must ask again before you use it.', {
    const: 'private, no-cache',
  }),
  notKept: always('Cache-Control', 'Not to be kept.', { const: 'no-store' }),
  age: sometimes(
    'Age',
    'Seconds since the gateway got the answer, or Graph confirmed it; absent when it was fetched for you.',
    { type: 'integer', minimum: 0 },
  ),
  cacheStatus: always('Cache-Status', 'How the answer came about (RFC 9211).', {
    pattern: '^session-gateway; ',
    examples: ['session-gateway; hit; ttl=12'],
  }),
  cacheStatusIfGraphs: sometimes('Cache-Status', 'There when it is Graph’s answer (RFC 9211).', {
    pattern: '^session-gateway; ',
  }),
  notCached: sometimes('Cache-Status', 'With notCached (RFC 9211).', {
    const: 'session-gateway; detail=only-if-cached',
  }),
  odataVersion: sometimes('OData-Version', 'Graph’s own.', { examples: ['4.0'] }),
  proxyStatus: always('Proxy-Status', 'It was the gateway that refused or failed (RFC 9209).', proxyStatus),
  proxyStatusIfOurs: sometimes(
    'Proxy-Status',
    'There when it was the gateway, and not Graph, that refused or failed (RFC 9209).',
    proxyStatus,
  ),
  retryAfter: always('Retry-After', 'Seconds until it makes sense to ask again.', seconds),
  retryAfterIfResting: sometimes(
    'Retry-After',
    'Seconds until Graph may be asked this again, where it has just failed.',
    seconds,
  ),
  wwwAuthenticate: always('WWW-Authenticate', 'RFC 6750 §3.', {
    pattern: '^Bearer realm="session-gateway"(, error="invalid_token")?$',
  }),
} as const satisfies Readonly<Record<string, Header>>

export type HeaderKey = keyof typeof headers

/** For `components.headers`. */
export const headerComponents: Readonly<Record<string, object>> = Object.fromEntries(
  Object.entries(headers).map(([key, { description, schema, required }]) => [
    key,
    { description, required, schema },
  ]),
)

/** For `headers` of an answer: references to those. */
export function named(keys: readonly HeaderKey[]): Readonly<Record<string, object>> {
  return Object.fromEntries(keys.map((key) => [headers[key].name, { $ref: `#/components/headers/${key}` }]))
}

/** What every answer carries that is recorded. */
export const identifying = ['requestId', 'clientRequestId', 'noSniff'] as const
