/**
 * One exchange: a request, what has been found out about it on its way, and the answer.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AuditRecord } from '../audit/index.ts'
import type { Found } from '../cache/index.ts'
import type { Caller } from '../callers/index.ts'
import type { GatewayError } from '../errors.ts'
import type { PurgeRequest, SessionRequest } from '../session/index.ts'
import { CallerLeft } from './errors.ts'
import type { Peer } from './peer.ts'

export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly action: Action
  /** Epoch milliseconds. */
  readonly arrivedAt: number
  /** The same moment on the clock that durations are measured with (`performance.now`). */
  readonly startedAt: number
  /** Ours, fresh. */
  readonly requestId: string
  /** The caller's own, if it sent one that can be repeated safely. */
  readonly clientRequestId: string | undefined
  readonly peer: Peer
  /** Aborts with `CallerLeft` when the connection closes before the answer is out. */
  readonly leaves: AbortSignal

  // What each room finds, in the order of the journey.
  caller?: Caller
  asked?: SessionRequest | PurgeRequest
  rule?: string
  found?: Found
  refusal?: GatewayError
}

export type Action = AuditRecord['action']

export function openExchange(
  request: IncomingMessage,
  response: ServerResponse,
  {
    action,
    now,
    waitedMs,
    peer,
  }: { readonly action: Action; readonly now: number; readonly waitedMs: number; readonly peer: Peer },
): Exchange {
  const leaving = new AbortController()
  if (response.destroyed) leaving.abort(new CallerLeft())
  response.once('close', () => {
    if (!response.writableFinished) leaving.abort(new CallerLeft())
  })
  return {
    request,
    response,
    action,
    arrivedAt: now - waitedMs,
    startedAt: performance.now() - waitedMs,
    requestId: randomUUID(),
    clientRequestId: clientRequestIdOf(request),
    peer,
    leaves: leaving.signal,
  }
}

/** Graph asks for a GUID; anything as tame as one is repeated, the rest is treated as absent. */
export function clientRequestIdOf({ headers }: IncomingMessage): string | undefined {
  const header = headers['client-request-id']
  return typeof header === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(header) ? header : undefined
}

/** What the trail keeps of it. */
export function recordOf(exchange: Exchange, status: number, isWithheld = false): AuditRecord {
  const { refusal, found } = exchange
  return {
    action: exchange.action,
    time: exchange.arrivedAt,
    durationMs: performance.now() - exchange.startedAt,
    requestId: exchange.requestId,
    clientRequestId: exchange.clientRequestId,
    method: exchange.request.method,
    peer: exchange.peer,
    caller: exchange.caller,
    asked: exchange.asked,
    rule: exchange.rule,
    status,
    refusal: refusal === undefined ? undefined : { code: refusal.code, reason: refusal.reason },
    outcome: found?.how,
    graphFailure: found?.forwarded?.failure,
    trip: found?.entry.trip,
    isWithheld,
  }
}
