/**
 * The one door to Graph for session reads: gate, token, fixed headers, one deadline over all of it.
 *
 * Nothing of the caller's request comes this far but the canonical question.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { GatewayError } from '../errors.ts'
import { type Outbound, OutboundFailure, type OutboundResponse, retryAfterMs } from '../outbound/index.ts'
import { type TokenProvider, TokenUnavailable } from '../token/index.ts'
import { assertSessionAnswer } from './check.ts'
import {
  GraphAnswerInvalid,
  GraphFailed,
  GraphRefused,
  GraphThrottled,
  GraphTimedOut,
  TripCancelled,
} from './errors.ts'
import type { Gate, Pass } from './gate.ts'
import type { Boarding, SessionAnswer, SessionQuestion, SessionUnchanged, Trip } from './question.ts'
import {
  describe,
  errorCodeOf,
  errorOf,
  isGraphsError,
  representationHeaders,
  requestIdOf,
  validatorOf,
} from './response.ts'

export interface GraphClient {
  /**
   * One trip to Graph, retry included.
   *
   * @throws {GraphThrottled | GraphRefused | GraphAnswerInvalid | GraphFailed | GraphTimedOut | TripCancelled |
   *   TokenUnavailable}
   */
  readSession(question: SessionQuestion, boarding: Boarding): Promise<SessionAnswer | SessionUnchanged>
}

export interface GraphClientOptions {
  /** As in `https://graph.microsoft.com`. */
  readonly origin: string
  /** A trip in all: token, both tries. */
  readonly deadlineMs: number
  readonly maxBodyBytes: number
  readonly outbound: Outbound
  readonly tokens: TokenProvider
  readonly gate: Gate
  readonly clock: Clock
  readonly observer: GraphObserver
}

export interface GraphObserver {
  /** @param outcome Graph's status, or the RFC 9209 name of what failed */
  called(outcome: number | string, trip: Trip, durationMs: number): void
  /** Graph says that our application lacks the role. */
  roleMissing(trip: Trip): void
}

/** A second try is for what may have been chance. */
const tries = 2
const tokenRetryMs = 1_000

/** 408, 421, 425, 431: of the connection, or of the moment (RFC 9110 §15.5, RFC 8470, RFC 6585). */
const saysNothingOfTheSession: ReadonlySet<number> = new Set([408, 421, 425, 431])

export function createGraphClient(options: GraphClientOptions): GraphClient {
  const { origin, deadlineMs, maxBodyBytes, outbound, tokens, gate, clock, observer } = options

  async function readSession(question: SessionQuestion, boarding: Boarding): Promise<Brought> {
    const deadline = clock.monotonic() + deadlineMs
    for (let tryNumber = 1; ; tryNumber += 1) {
      const pass = gate.enter()
      try {
        const outcome = await tryOnce(question, boarding, { deadline, pass })
        if ('answer' in outcome) return outcome.answer
        if (tryNumber === tries || clock.monotonic() >= deadline) throw outcome.retryable
      } finally {
        pass.abandoned()
      }
    }
  }

  type Brought = SessionAnswer | SessionUnchanged
  type Outcome = { readonly answer: Brought } | { readonly retryable: GatewayError }

  async function tryOnce(
    question: SessionQuestion,
    boarding: Boarding,
    { deadline, pass }: { readonly deadline: number; readonly pass: Pass },
  ): Promise<Outcome> {
    const token = await inTime(tokens.get(), deadline, boarding.cancelled)
    boarding.departs()
    const clientRequestId = randomUUID()
    const startedAt = clock.monotonic()
    let response: OutboundResponse
    try {
      response = await outbound.send({
        origin,
        target: question.target,
        method: 'GET',
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/json',
          'accept-encoding': 'identity',
          'client-request-id': clientRequestId,
          'user-agent': 'session-gateway',
          ...(question.validator === undefined ? {} : { 'if-none-match': question.validator }),
        },
        deadlineMs: Math.max(0, deadline - startedAt),
        maxBodyBytes,
      })
    } catch (error) {
      if (!(error instanceof OutboundFailure)) throw error
      observer.called(error.kind, { clientRequestId }, clock.monotonic() - startedAt)
      return failed(error, pass)
    }
    const trip: Trip = { clientRequestId, ...requestIdOf(response) }
    observer.called(response.status, trip, clock.monotonic() - startedAt)
    return judge(response, question, { token, trip, pass })
  }

  function failed(failure: OutboundFailure, pass: Pass): Outcome {
    switch (failure.kind) {
      case 'http_response_timeout':
        pass.failed()
        throw new GraphTimedOut(failure.message)
      case 'http_response_body_size':
      case 'http_response_header_section_size':
      case 'http_protocol_error':
        pass.served()
        throw new GraphAnswerInvalid(failure.message)
      case 'http_response_incomplete':
        pass.failed()
        throw new GraphAnswerInvalid(failure.message)
      case 'tls_certificate_error':
      case 'tls_protocol_error':
        pass.failed()
        throw new GraphFailed(failure.kind, failure.message, { cause: failure })
      case 'dns_error':
      case 'connection_refused':
      case 'connection_timeout':
      case 'connection_terminated':
      case 'destination_unavailable':
        pass.failed()
        return { retryable: new GraphFailed(failure.kind, failure.message, { cause: failure }) }
    }
  }

  interface Circumstances {
    readonly token: string
    readonly trip: Trip
    readonly pass: Pass
  }

  function judge(
    response: OutboundResponse,
    question: SessionQuestion,
    { token, trip, pass }: Circumstances,
  ): Outcome {
    const { status } = response
    const wait = retryAfterMs(response.headers['retry-after'], clock.now())
    if (status === 429 || (status === 503 && wait !== undefined)) {
      pass.throttled(wait)
      const reason = `Graph answered ${status} (${trip.clientRequestId})`
      throw new GraphThrottled(Math.max(1, gate.shutForMs), reason, status)
    }
    if (status >= 500) {
      pass.failed()
      const reason = describe(response, trip)
      return { retryable: new GraphFailed('http_request_error', reason, { receivedStatus: status }) }
    }
    pass.served()
    if (status === 200) {
      assertSessionAnswer(response, question)
      return {
        answer: {
          status,
          headers: representationHeaders(response),
          body: response.body.toString('latin1'),
          ...validatorOf(response),
          trip,
        },
      }
    }
    if (status === 304 && question.validator !== undefined) return { answer: { status, trip } }
    if (status === 404 || status === 410) {
      // A front door's error page says nothing about the session.
      if (!isGraphsError(response)) {
        throw new GraphAnswerInvalid(`a ${status} that is not one of Graph's errors`, status)
      }
      return { answer: { status, headers: [], body: '', errorCode: errorCodeOf(response), trip } }
    }
    if (status === 401) {
      const refused = new GraphRefused(describe(response, trip), status)
      if (!tokens.reject(token)) throw refused
      return { retryable: refused }
    }
    if (status === 403 && /missing application roles/i.test(errorOf(response).message)) {
      observer.roleMissing(trip)
    }
    if (saysNothingOfTheSession.has(status)) {
      throw new GraphFailed('http_request_error', describe(response, trip), { receivedStatus: status })
    }
    if (status === 403 || (status >= 400 && isGraphsError(response))) {
      throw new GraphRefused(describe(response, trip), status)
    }
    throw new GraphAnswerInvalid(describe(response, trip), status)
  }

  /** Waiting for a token is part of the trip, and so of its deadline; and nobody may want it any more. */
  async function inTime<T>(waited: Promise<T>, deadline: number, cancelled: AbortSignal): Promise<T> {
    const { promise: ended, reject } = Promise.withResolvers<never>()
    const cancelTimer = clock.after(deadline - clock.monotonic(), () =>
      reject(new TokenUnavailable(tokenRetryMs, 'the token exchange took longer than graph.deadline')),
    )
    cancelled.addEventListener('abort', () => reject(new TripCancelled()), { once: true })
    try {
      const value = await Promise.race([waited, ended])
      // It may have been called off in the moment in which the token came.
      if (cancelled.aborted) throw new TripCancelled()
      return value
    } finally {
      cancelTimer()
    }
  }

  return { readSession }
}
