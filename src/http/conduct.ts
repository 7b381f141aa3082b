/**
 * What every journey has in common: whatever comes of it is recorded, and then, and only then, the answer leaves.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { RateExceeded } from '../access/index.ts'
import { formatRecord, type Trail } from '../audit/index.ts'
import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { Log } from '../telemetry/index.ts'
import { type Answer, answerError } from './answer.ts'
import { CallerLeft, InternalError } from './errors.ts'
import { type Action, type Exchange, openExchange, recordOf } from './exchange.ts'

/** @param refused what the server already has against the request, if anything */
export type Journey = (
  request: IncomingMessage,
  response: ServerResponse,
  refused?: GatewayError,
) => Promise<void>

export interface Conduct {
  readonly action: Action
  readonly trail: Trail
  readonly clock: Clock
  readonly log: Log
  /** Finds the answer, and notes on the exchange what it learns on the way. Throws what is to be refused. */
  readonly travel: (exchange: Exchange) => Promise<Answer>
  readonly answered: (exchange: Exchange, status: number) => void
}

export function createConduct({ action, trail, clock, log, travel, answered }: Conduct): Journey {
  return async function conduct(request, response, refused) {
    const exchange = openExchange(request, response, { action, now: clock.now() })
    let answer: Answer
    try {
      if (refused !== undefined) throw refused
      answer = await travel(exchange)
    } catch (error) {
      answer = refuse(exchange, error)
    }

    try {
      await trail.write(formatRecord(recordOf(exchange, answer.status)))
    } catch (error) {
      answer = refuse(exchange, error)
    }
    send(exchange, answer)
    answered(exchange, answer.status)
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
