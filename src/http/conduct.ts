/**
 * What every journey has in common: whatever comes of it is recorded, and then, and only then, the answer leaves.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { RateExceeded } from '../access/index.ts'
import { AuditUnavailable, type Trail } from '../audit/index.ts'
import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { Flood, Log } from '../telemetry/index.ts'
import { type Answer, answerError, type PassingAnswer } from './answer.ts'
import { CallerLeft, InternalError } from './errors.ts'
import { type Action, type Exchange, openExchange, recordOf } from './exchange.ts'
import type { Passing } from './passing.ts'
import type { PeerOf } from './peer.ts'

export type Journey = (
  request: IncomingMessage,
  response: ServerResponse,
  server: {
    /** What the server already has against the request, if anything. */
    readonly refused: GatewayError | undefined
    /** How long it has waited before this, in milliseconds. */
    readonly waitedMs: number
    /** Called right before the answer's head is written. */
    readonly leaving: (response: ServerResponse) => void
  },
) => Promise<void>

export interface Conduct {
  readonly action: Action
  readonly trail: Trail
  readonly clock: Clock
  readonly log: Log
  readonly flood: Flood
  readonly peerOf: PeerOf
  /** Finds the answer, and notes on the exchange what it learns on the way. Throws what is to be refused. */
  readonly travel: (exchange: Exchange) => Promise<Answer | PassingAnswer>
  readonly answered: (exchange: Exchange, status: number) => void
}

export function createConduct({
  action,
  trail,
  clock,
  log,
  flood,
  peerOf,
  travel,
  answered,
}: Conduct): Journey {
  return async function conduct(request, response, { refused, waitedMs, leaving }) {
    const peer = peerOf(request)
    const exchange = openExchange(request, response, { action, now: clock.now(), waitedMs, peer })
    let answer: Answer | PassingAnswer
    let passing: Passing | undefined
    try {
      if (refused !== undefined) throw refused
      // While it waited.
      exchange.leaves.throwIfAborted()
      answer = await travel(exchange)
      if (isPassing(answer)) passing = answer.body
    } catch (error) {
      answer = refuse(exchange, error)
    }

    // What the trail itself has refused, it has counted.
    let hasRecord = !(exchange.refusal instanceof AuditUnavailable)
    let isWithheld = false
    try {
      if (hasRecord) await trail.record(recordOf(exchange, answer.status))
    } catch (error) {
      answer = refuse(exchange, error)
      hasRecord = error instanceof AuditUnavailable && error.isRecorded
      // What has been done is on record, however late; what has only been asked is counted.
      isWithheld = hasRecord || action === 'purge'
    }
    // While the record was being written.
    if (response.destroyed && !(exchange.refusal instanceof CallerLeft)) {
      exchange.refusal = new CallerLeft()
      answer = { ...answer, status: exchange.refusal.status }
      isWithheld ||= hasRecord
    } else if (passing?.failure !== undefined && answer.body === passing) {
      answer = refuse(exchange, passing.failure)
      isWithheld = hasRecord
    }
    // The record says that the answer left; this one, that it did not.
    if (isWithheld) trail.amend(recordOf(exchange, answer.status, 'withheld'))
    if (exchange.refusal instanceof CallerLeft || answer.body !== passing) passing?.drop()
    if (!(exchange.refusal instanceof CallerLeft)) {
      leaving(response)
      response.writeHead(answer.status, answer.headers)
      if (isPassing(answer)) answer = await passOn(exchange, answer)
      else response.end(answer.body, 'latin1')
    }
    answered(exchange, answer.status)
  }

  async function passOn(exchange: Exchange, answer: PassingAnswer): Promise<Answer | PassingAnswer> {
    try {
      await answer.body.to(exchange.response)
      return answer
    } catch (error) {
      // What has been sent has been sent. That it is not whole, the caller sees by its end.
      const instead = refuse(exchange, error)
      trail.amend(recordOf(exchange, answer.status, 'cut'))
      return instead
    }
  }

  function refuse(exchange: Exchange, error: unknown): Answer {
    const refusal = error instanceof GatewayError ? error : new InternalError(error)
    exchange.refusal = refusal
    if (refusal instanceof RateExceeded) exchange.rule = refusal.rule
    const level = refusal instanceof InternalError ? 'error' : refusal.status >= 500 ? 'warn' : 'info'
    const about = refusal instanceof InternalError ? String(refusal.cause) : undefined
    if (!flood.admits(level, refusal.code, about)) return answerError(exchange, refusal)
    log[level](
      {
        requestId: exchange.requestId,
        status: refusal.status,
        code: refusal.code,
        reason: refusal.reason,
        issuer: exchange.caller?.issuer,
        subject: exchange.caller?.subject,
        peer: exchange.peer.ip,
        ...(refusal instanceof InternalError ? { err: refusal.cause } : {}),
      },
      refusal instanceof CallerLeft ? 'caller left' : 'request refused',
    )
    return answerError(exchange, refusal)
  }
}

function isPassing(answer: Answer | PassingAnswer): answer is PassingAnswer {
  return typeof answer.body !== 'string'
}
