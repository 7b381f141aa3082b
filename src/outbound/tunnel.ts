/**
 * A way through the egress proxy: `CONNECT` (RFC 9110 §9.3.6). The proxy learns a host, a port and its own client's
 * credentials; what passes is TLS between the gateway and whom it asks.
 *
 * @module
 */

import { request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as requestSecure } from 'node:https'
import { isIP, isIPv6, Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { unlessAborted } from './abort.ts'
import { failureKind, OutboundFailure, type FailureKind } from './failure.ts'

export interface EgressProxy {
  readonly scheme: 'http' | 'https'
  /** An IPv6 address has no brackets. */
  readonly host: string
  readonly port: number
  /** `user:password`. Asked for at every connection, and rejects with what an operator can mend. */
  readonly credentials?: (() => Promise<string>) | undefined
}

/** Said, since the environment can have Node check no certificate at all (NODE_TLS_REJECT_UNAUTHORIZED=0). */
export const checked = { rejectUnauthorized: true } as const

/** What we take of an answer that is mostly a status line. */
const largestHeadBytes = 16 * 1024

const notAProxy = 'what answers there is no HTTP proxy'

/** @param signal ends it; its reason is what it then fails with */
export async function openTunnel(
  proxy: EgressProxy,
  authority: string,
  { secureContext, signal }: { secureContext: SecureContext; signal: AbortSignal },
): Promise<Socket> {
  const fail = (kind: FailureKind, why: string): OutboundFailure =>
    new OutboundFailure(kind, `${nameOf(proxy)}, asked for ${authority}`, { cause: new Error(why) })
  const credentials = await unlessAborted(credentialsOf(proxy), signal).catch((error: Error) => {
    throw signal.aborted ? error : fail('proxy_configuration_error', error.message)
  })
  const options: RequestOptions = {
    method: 'CONNECT',
    host: proxy.host,
    port: proxy.port,
    path: authority,
    headers: {
      host: authority,
      'user-agent': 'session-gateway',
      ...(credentials === undefined ? {} : { 'proxy-authorization': basic(credentials) }),
    },
    agent: false,
    maxHeaderSize: largestHeadBytes,
    signal,
  }
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  // Without a name of its own, Node would take that of the `Host` header: the other end's.
  const secure = {
    ...options,
    ...checked,
    secureContext,
    servername: isIP(proxy.host) === 0 ? proxy.host : '',
  }
  const request = proxy.scheme === 'http' ? requestPlain(options) : requestSecure(secure)
  // A tunnel has no next request: whether to keep the connection is no question.
  request.removeHeader('connection')
  request.on('connect', (response: IncomingMessage, socket, head: Buffer) => {
    // Nobody listens to it any more once it is ended.
    socket.on('error', () => undefined)
    const refused = refusal(response, head, { authority, hasCredentials: credentials !== undefined })
    if (refused !== undefined || !(socket instanceof Socket)) {
      socket.destroy()
      reject(fail(refused?.kind ?? 'proxy_configuration_error', refused?.why ?? notAProxy))
      return
    }
    resolve(socket.setNoDelay(true).setKeepAlive(true, 60_000))
  })
  request.on('error', (error) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    const kind = failureKind(error, false)
    const isNoProxy = kind === 'http_protocol_error' || kind === 'http_response_header_section_size'
    // A parser's error also holds what it has read, which may be our own words come back: it goes no further.
    reject(isNoProxy ? fail('proxy_configuration_error', notAProxy) : fail(kind, error.message))
  })
  request.end()
  return promise
}

async function credentialsOf({ credentials }: EgressProxy): Promise<string | undefined> {
  return credentials?.()
}

export function nameOf({ scheme, host, port }: EgressProxy): string {
  return `the proxy ${scheme}://${isIPv6(host) ? `[${host}]` : host}:${port}`
}

interface Refusal {
  readonly kind: FailureKind
  readonly why: string
}

/** Nothing of the answer but its status is repeated: it may hold what it was asked with. */
function refusal(
  { statusCode = 0, headers }: IncomingMessage,
  head: Buffer,
  { authority, hasCredentials }: { authority: string; hasCredentials: boolean },
): Refusal | undefined {
  const why = `it answered ${statusCode}`
  if (statusCode >= 200 && statusCode < 300) {
    // In TLS the client speaks first.
    return head.length === 0 ? undefined : { kind: 'proxy_configuration_error', why: notAProxy }
  }
  if (statusCode === 407) {
    const offered = [headers['proxy-authenticate']].flat().join()
    const remedy = !hasCredentials
      ? 'give it credentials in outbound.proxyAuth, or in HTTPS_PROXY'
      : /\bbasic\b/i.test(offered)
        ? 'it does not take the credentials that it was given'
        : 'it does not offer Basic authentication, the only one there is here'
    return { kind: 'proxy_configuration_error', why: `${why}: ${remedy}` }
  }
  if (statusCode === 429 || statusCode >= 500) {
    return { kind: 'destination_unavailable', why: `${why}: it does not get there either` }
  }
  const remedy = `have ${authority} allowed there, or name it in outbound.noProxy`
  return { kind: 'proxy_configuration_error', why: `${why}: ${remedy}` }
}

function basic(credentials: string): string {
  return `Basic ${Buffer.from(credentials).toString('base64')}`
}
