/**
 * What every journey has in common: whatever comes of it is recorded, and then, and only then, the answer leaves.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { RateExceeded } from '../access/index.ts'
import type { Trail } from '../audit/index.ts'
import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { Flood, Log } from '../telemetry/index.ts'
import { type Answer, answerError, type PassingAnswer } from './answer.ts'
import { createDeparture, type Departing } from './departure.ts'
import { CallerLeft, InternalError } from './errors.ts'
import { type Action, Exchange } from './exchange.ts'
import type { PeerOf } from './peer.ts'

export interface Journey {
  /** Resolves once the answer is out, or nobody is there to take it. */
  lead(request: IncomingMessage, response: ServerResponse, setting: Setting): Promise<void>
  /**
   * The short way, of what can be answered without waiting for anything but its record.
   *
   * @returns false where it has to be led; nothing has been done then
   */
  leadAtOnce(request: IncomingMessage, response: ServerResponse, setting: Setting): boolean
  /** Resolves once every exchange has its record, and its answer where somebody waits for it. */
  settled(): Promise<void>
}

/** How a journey begins, and how its answer leaves. */
export interface Setting extends Pick<Departing, 'leaving'> {
  /** What the server already has against the request, if anything. */
  readonly refused: GatewayError | undefined
  /** How long it has waited before this, in milliseconds. */
  readonly waitedMs: number
}

export interface Conduct {
  readonly action: Action
  readonly trail: Trail
  readonly clock: Clock
  readonly log: Log
  readonly flood: Flood
  readonly peerOf: PeerOf
  /** Finds the answer, and notes on the exchange what it learns on the way. Throws what is to be refused. */
  readonly travel: (exchange: Exchange) => Promise<Answer | PassingAnswer>
  /** The same where nothing has to be waited for; `undefined`, and nothing done, where something has. */
  readonly travelAtOnce?: (exchange: Exchange) => Answer | undefined
  readonly answered: (exchange: Exchange, status: number) => void
  /** A fault of ours that no answer could be made of. */
  readonly onFault: (error: unknown) => void
}

export function createConduct(conduct: Conduct): Journey {
  const { action, clock, log, flood, peerOf, travel, travelAtOnce } = conduct
  const depart = createDeparture({ ...conduct, refuse })
  let underWay = 0
  let waiting: (() => void)[] = []

  function open(request: IncomingMessage, response: ServerResponse, waitedMs: number): Exchange {
    return new Exchange(request, response, { action, peer: peerOf(request), now: clock.now(), waitedMs })
  }

  function ended(): void {
    underWay -= 1
    if (underWay > 0 || waiting.length === 0) return
    for (const resolve of waiting) resolve()
    waiting = []
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

  async function answerOf(
    exchange: Exchange,
    refused: GatewayError | undefined,
  ): Promise<Answer | PassingAnswer> {
    try {
      if (refused !== undefined) throw refused
      // While it waited.
      if (exchange.response.destroyed) throw new CallerLeft()
      return await travel(exchange)
    } catch (error) {
      return refuse(exchange, error)
    }
  }

  return {
    async lead(request, response, { refused, waitedMs, leaving }) {
      underWay += 1
      try {
        const exchange = open(request, response, waitedMs)
        const answer = await answerOf(exchange, refused)
        await new Promise<void>((resolve) => depart(exchange, answer, { leaving, done: resolve }))
      } finally {
        ended()
      }
    },
    leadAtOnce(request, response, { refused, waitedMs, leaving }) {
      if (travelAtOnce === undefined || refused !== undefined || response.destroyed) return false
      const exchange = open(request, response, waitedMs)
      let answer: Answer | undefined
      try {
        answer = travelAtOnce(exchange)
      } catch (error) {
        answer = refuse(exchange, error)
      }
      if (answer === undefined) return false
      underWay += 1
      try {
        depart(exchange, answer, { leaving, done: ended })
      } catch (error) {
        ended()
        throw error
      }
      return true
    },
    settled: () =>
      underWay === 0 ? Promise.resolve() : new Promise((resolve) => void waiting.push(resolve)),
  }
}
