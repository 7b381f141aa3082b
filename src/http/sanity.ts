/**
 * Is this a request that can be read in one way only? Asked before anything else.
 *
 * Node's parser refuses much, and lets through what is ours to refuse: bodies on reads, two `Host` or `Authorization`
 * headers (the first would win silently), versions that are not HTTP/1, and targets with a second meaning.
 *
 * @module
 */

import type { IncomingMessage } from 'node:http'
import {
  apiRoot,
  assertSaneTarget,
  decodePathSegments,
  lowerCase,
  UnknownResource,
} from '../session/index.ts'
import { MalformedRequest, MethodNotAllowed } from './errors.ts'

/** @throws {MethodNotAllowed | InvalidRequest | UnknownResource} */
export function assertSaneRequest({ method, url: target = '' }: IncomingMessage): void {
  if (method !== 'GET' && method !== 'HEAD') throw new MethodNotAllowed()
  assertSaneTarget(target)
  assertKnownRoot(target)
}

/**
 * What makes this message readable in two ways, if anything. Nothing that follows on its connection may be read, for
 * nobody can say where it begins.
 */
export function ambiguityOf(request: IncomingMessage): MalformedRequest | undefined {
  // A body on a read is how a second request is smuggled past whoever reads it differently.
  if (hasBody(request)) {
    return new MalformedRequest(
      'No request here takes a body: send neither Transfer-Encoding nor a Content-Length but 0.',
    )
  }
  const { rawHeaders, httpVersion, headers } = request
  let hosts = 0
  let authorizations = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase()
    if (name === 'host') hosts += 1
    else if (name === 'authorization') authorizations += 1
  }
  if (hosts !== 1 || !/^[A-Za-z0-9._~:[\]-]+$/.test(headers.host ?? '')) {
    return new MalformedRequest('Send exactly one Host header, with a host name or address.')
  }
  if (authorizations > 1) return new MalformedRequest('Send one Authorization header only.')
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return new MalformedRequest('Speak HTTP/1.1.')
  return undefined
}

function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

function assertKnownRoot(target: string): void {
  const segments = decodePathSegments(target.split('?', 1)[0] ?? '').map(lowerCase)
  if (segments[0] === 'v1.0') throw new UnknownResource('the API is in /beta, and not in /v1.0.')
  if (apiRoot.some((name, index) => segments[index] !== name)) throw new UnknownResource()
}
