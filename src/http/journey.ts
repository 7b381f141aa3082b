/**
 * The journey of one request, room by room, in order.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Access } from '../access/index.ts'
import { RateExceeded } from '../access/index.ts'
import { formatRecord, type Trail } from '../audit/index.ts'
import type { Cache } from '../cache/index.ts'
import type { Callers } from '../callers/index.ts'
import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { GraphClient } from '../graph/index.ts'
import { graphTarget, parseSessionRequest, sessionKey } from '../session/index.ts'
import type { Log, Metrics } from '../telemetry/index.ts'
import { type Answer, answerError, answerFound } from './answer.ts'
import { CallerLeft, InternalError } from './errors.ts'
import { type Exchange, openExchange, recordOf } from './exchange.ts'
import { assertSaneRequest } from './sanity.ts'

export interface Rooms {
  readonly callers: Callers
  /** Property names that `$select` may name. */
  readonly selectable: readonly string[]
  readonly access: Access
  readonly cache: Cache
  readonly graph: GraphClient
  readonly trail: Trail
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

/** @param refused what the server already has against the request, if anything */
export type Journey = (
  request: IncomingMessage,
  response: ServerResponse,
  refused?: GatewayError,
) => Promise<void>

export function createJourney(rooms: Rooms): Journey {
  const { callers, selectable, access, cache, graph, trail, clock, log, metrics } = rooms

  async function travel(exchange: Exchange, refused?: GatewayError): Promise<Answer> {
    if (refused !== undefined) throw refused

    // http: a sane request?
    const { request } = exchange
    assertSaneRequest(request)

    // callers: whose token is this?
    const caller = await callers.identify(request.headers.authorization)
    exchange.caller = caller

    // session: what exactly is asked?
    const asked = parseSessionRequest(request.url ?? '', selectable)
    exchange.asked = asked

    // access: may this caller read this?
    exchange.rule = access.decide(caller, asked)

    // cache: have we a usable answer? flights: if not, one trip. graph, token: the trip.
    const ask = { target: graphTarget(asked), sessionId: asked.sessionId, select: asked.select }
    exchange.found = await cache.read(sessionKey(asked), () => graph.readSession(ask), exchange.leaves)

    return answerFound(exchange, exchange.found, clock.now())
  }

  return async function journey(request, response, refused) {
    const exchange = openExchange(request, response, clock.now())
    let answer: Answer
    try {
      answer = await travel(exchange, refused)
    } catch (error) {
      answer = refuse(exchange, error)
    }

    // audit: the record is handed over, and then, and only then, the answer leaves.
    try {
      await trail.write(formatRecord(recordOf(exchange, answer.status)))
    } catch (error) {
      answer = refuse(exchange, error)
    }
    send(exchange, answer)
    metrics.answered(answer.status, exchange.found?.how ?? 'none', performance.now() - exchange.startedAt)
  }

  function refuse(exchange: Exchange, error: unknown): Answer {
    const refusal = error instanceof GatewayError ? error : new InternalError(error)
    exchange.refusal = refusal
    if (refusal instanceof RateExceeded) exchange.rule = refusal.rule
    const level = refusal instanceof InternalError ? 'error' : refusal.status >= 500 ? 'warn' : 'info'
    log[level](
      {
        requestId: exchange.requestId,
        status: refusal.status,
        code: refusal.code,
        reason: refusal.reason,
        issuer: exchange.caller?.issuer,
        subject: exchange.caller?.subject,
        peer: exchange.peer,
        ...(refusal instanceof InternalError ? { err: refusal.cause } : {}),
      },
      refusal instanceof CallerLeft ? 'caller left' : 'request refused',
    )
    return answerError(exchange, refusal)
  }

  function send({ response, refusal }: Exchange, { status, headers, body }: Answer): void {
    if (refusal instanceof CallerLeft || response.destroyed) return
    response.writeHead(status, headers)
    response.end(body, 'latin1')
  }
}
