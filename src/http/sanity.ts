/**
 * Is this a request that can be read in one way only? Asked before anything else.
 *
 * Node's parser refuses much, and lets through what is ours to refuse: bodies on reads, two `Host` or `Authorization`
 * headers (the first would win silently), versions that are not HTTP/1, and targets with a second meaning.
 *
 * @module
 */

import type { IncomingMessage } from 'node:http'
import { apiRoot, assertSaneTarget, UnknownResource } from '../session/index.ts'
import { MalformedRequest, MethodNotAllowed } from './errors.ts'

/** @throws {MalformedRequest | MethodNotAllowed | InvalidRequest | UnknownResource} */
export function assertSaneRequest(request: IncomingMessage): void {
  assertNoBody(request)
  assertOneOfEach(request)
  if (request.method !== 'GET' && request.method !== 'HEAD') throw new MethodNotAllowed()
  const target = request.url ?? ''
  assertSaneTarget(target)
  assertKnownRoot(target)
}

export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

/** A body on a read is how a second request is smuggled past whoever reads it differently. */
function assertNoBody(request: IncomingMessage): void {
  if (hasBody(request)) {
    throw new MalformedRequest(
      'Reading takes no body: send neither Transfer-Encoding nor a Content-Length but 0.',
    )
  }
}

function assertOneOfEach({ rawHeaders, httpVersion, headers }: IncomingMessage): void {
  let hosts = 0
  let authorizations = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase()
    if (name === 'host') hosts += 1
    else if (name === 'authorization') authorizations += 1
  }
  if (hosts !== 1 || !/^[A-Za-z0-9._~:[\]-]+$/.test(headers.host ?? '')) {
    throw new MalformedRequest('Send exactly one Host header, with a host name or address.')
  }
  if (authorizations > 1) throw new MalformedRequest('Send one Authorization header only.')
  if (httpVersion !== '1.1' && httpVersion !== '1.0') throw new MalformedRequest('Speak HTTP/1.1.')
}

function assertKnownRoot(target: string): void {
  const [, version = '', ...rest] = (target.split('?', 1)[0] ?? '').toLowerCase().split('/')
  if (version === 'v1.0') throw new UnknownResource('the API is in /beta, and not in /v1.0.')
  if (version !== apiRoot[0] || rest[0] !== apiRoot[1] || rest[1] !== apiRoot[2]) throw new UnknownResource()
}
