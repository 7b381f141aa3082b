/**
 * One exchange: a request, what has been found out about it on its way, and the answer.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AskedOther, AuditRecord } from '../audit/index.ts'
import type { Found } from '../cache/index.ts'
import type { Caller } from '../callers/index.ts'
import type { GatewayError } from '../errors.ts'
import type { PassedOn } from '../graph/index.ts'
import { type OtherRequest, type PurgeRequest, resources, type SessionRequest } from '../session/index.ts'
import { CallerLeft } from './errors.ts'
import type { Peer } from './peer.ts'

export type Action = AuditRecord['action']

/** What an exchange begins with. */
export interface Opening {
  readonly action: Action
  readonly peer: Peer
  /** Epoch milliseconds. */
  readonly now: number
  /** How long the request has waited before this, in milliseconds. */
  readonly waitedMs: number
}

export class Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly action: Action
  /** Epoch milliseconds. */
  readonly arrivedAt: number
  /** The same moment on the clock that durations are measured with (`performance.now`). */
  readonly startedAt: number
  /** Ours, fresh. */
  readonly requestId: string = randomUUID()
  /** The caller's own, if it sent one that can be repeated safely. */
  readonly clientRequestId: string | undefined
  readonly peer: Peer

  // What each room finds, in the order of the journey.
  caller: Caller | undefined = undefined
  asked: SessionRequest | OtherRequest | PurgeRequest | undefined = undefined
  rule: string | undefined = undefined
  /** By the cache, or else passed on from Graph. */
  found: Found | undefined = undefined
  passed: PassedOn | undefined = undefined
  refusal: GatewayError | undefined = undefined

  #leaving: AbortController | undefined = undefined

  constructor(request: IncomingMessage, response: ServerResponse, { action, peer, now, waitedMs }: Opening) {
    this.request = request
    this.response = response
    this.action = action
    this.arrivedAt = now - waitedMs
    this.startedAt = performance.now() - waitedMs
    this.clientRequestId = clientRequestIdOf(request)
    this.peer = peer
  }

  /** Aborts with `CallerLeft` when the connection closes before the answer is out. Made for those who ask for it. */
  get leaves(): AbortSignal {
    if (this.#leaving === undefined) {
      const leaving = new AbortController()
      this.#leaving = leaving
      const { response } = this
      if (response.destroyed) leaving.abort(new CallerLeft())
      else
        response.once('close', () => {
          if (!response.writableFinished) leaving.abort(new CallerLeft())
        })
    }
    return this.#leaving.signal
  }

  /** Since the request came, in milliseconds. */
  get durationMs(): number {
    return performance.now() - this.startedAt
  }
}

/** Graph asks for a GUID; anything as tame as one is repeated, the rest is treated as absent. */
export const repeatedId = /^[A-Za-z0-9._-]{1,64}$/

export function clientRequestIdOf({ headers }: IncomingMessage): string | undefined {
  const header = headers['client-request-id']
  return typeof header === 'string' && repeatedId.test(header) ? header : undefined
}

/** What the trail keeps of it. */
export function recordOf(exchange: Exchange, status: number, fate?: AuditRecord['fate']): AuditRecord {
  const { asked, refusal, found, passed } = exchange
  return {
    action: exchange.action,
    time: exchange.arrivedAt,
    durationMs: exchange.durationMs,
    requestId: exchange.requestId,
    clientRequestId: exchange.clientRequestId,
    method: exchange.request.method,
    peer: exchange.peer,
    caller: exchange.caller,
    asked: asked !== undefined && 'ids' in asked ? askedOther(asked) : asked,
    rule: exchange.rule,
    status,
    refusal: refusal === undefined ? undefined : { code: refusal.code, reason: refusal.reason },
    outcome: outcomeOf(exchange),
    graphFailure: found?.forwarded?.failure,
    trip: found?.entry.trip ?? passed?.trip,
    fate,
  }
}

/** How the answer came about, in one word. */
export function outcomeOf({ found, passed }: Exchange): string | undefined {
  return passed === undefined ? found?.how : 'uncached'
}

export const singular = {
  workspaces: 'workspace',
  plugins: 'plugin',
  sessions: 'session',
  prompts: 'prompt',
  evaluations: 'evaluation',
} as const

function askedOther({ read, workspaceId, ids, select, options }: OtherRequest): AskedOther {
  const { path, isList } = resources[read]
  const named = path.map((collection, index) => ({ type: singular[collection], uid: ids[index] ?? '*' }))
  return {
    operation: `${named.at(-1)?.type}.${isList ? 'list' : 'get'}`,
    workspaceId,
    resources: workspaceId === null ? named : named.slice(1),
    select,
    isFiltered: options.filter !== undefined,
    top: options.top,
    isNextPage: options.page !== undefined,
  }
}
