/**
 * What is read out of a response of Graph's besides its body: nothing is passed on, logged or sent back that has not the
 * form it should have.
 *
 * @module
 */

import { isJsonObject, parseJsonObject } from '../json.ts'
import type { OutboundResponse } from '../outbound/index.ts'
import type { Trip } from './question.ts'

const passedOn = ['content-type', 'odata-version'] as const

let lastHeaders: readonly (readonly [name: string, value: string])[] = []

/** Graph's own headers that concern the body. Mostly the same ones, so that many entries can share them. */
export function representationHeaders({ headers }: OutboundResponse): typeof lastHeaders {
  const found = passedOn.flatMap((name): [string, string][] => {
    const value = headers[name]
    return typeof value === 'string' && /^[ -~]{1,256}$/.test(value) ? [[name, value]] : []
  })
  if (JSON.stringify(found) !== JSON.stringify(lastHeaders)) lastHeaders = found
  return lastHeaders
}

/** An entity tag of Graph's (RFC 9110 §8.8.3), should it ever send one. */
export function validatorOf({ headers: { etag } }: OutboundResponse): { validator?: string } {
  return typeof etag === 'string' && /^(?:W\/)?"[!#-~]{0,256}"$/.test(etag) ? { validator: etag } : {}
}

export function requestIdOf({ headers }: OutboundResponse): { requestId?: string } {
  const requestId = headers['request-id']
  return typeof requestId === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(requestId) ? { requestId } : {}
}

/** An error in Graph's envelope, and not some front door's page. */
export function isGraphsError({ body }: OutboundResponse): boolean {
  return isJsonObject(parseJsonObject(body)?.['error'])
}

export function errorCodeOf(response: OutboundResponse): string {
  const { code } = errorOf(response)
  return /^[A-Za-z0-9_.-]{1,64}$/.test(code) ? code : 'itemNotFound'
}

export function errorOf({ body }: OutboundResponse): { code: string; message: string } {
  const error = parseJsonObject(body)?.['error']
  const { code, message } = isJsonObject(error) ? error : {}
  return { code: typeof code === 'string' ? code : '', message: typeof message === 'string' ? message : '' }
}

/**
 * For the operator's log. Graph's error messages name roles and ids, never a session's content.
 *
 * @param token what it was asked with; not told, should Graph repeat it
 * @param mayQuote whether its message cannot repeat what a caller wrote: a filter may have the words of a session
 */
export function describe(response: OutboundResponse, trip: Trip, token: string, mayQuote: boolean): string {
  const { code, message } = errorOf(response)
  const quoted = mayQuote ? ` ${message.replaceAll(token, '[redacted]').slice(0, 300)}` : ''
  const said = `${code.slice(0, 64)}${quoted}`
  const ids = `client-request-id ${trip.clientRequestId}, request-id ${trip.requestId ?? 'none'}`
  return `Graph answered ${response.status} ${said} (${ids})`
}
