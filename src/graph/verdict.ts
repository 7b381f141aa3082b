/**
 * What to make of what a call to Graph came to: an answer, a failure, or a failure that another try may mend.
 *
 * @module
 */

import type { GatewayError } from '../errors.ts'
import { type OutboundFailure, type OutboundResponse, retryAfterMs } from '../outbound/index.ts'
import { assertSessionAnswer } from './check.ts'
import { GraphAnswerInvalid, GraphFailed, GraphRefused, GraphThrottled, GraphTimedOut } from './errors.ts'
import type { Pass } from './gate.ts'
import { longestAtGateMs } from './line.ts'
import type { SessionAnswer, SessionQuestion, SessionUnchanged, Trip } from './question.ts'
import {
  describe,
  errorCodeOf,
  errorOf,
  isGraphsError,
  representationHeaders,
  validatorOf,
} from './response.ts'

export type Verdict =
  | { readonly answer: SessionAnswer | SessionUnchanged }
  /** Worth another try: one that Graph itself asks for, or one for what may have been chance. */
  | { readonly retryable: GatewayError; readonly isAskedFor?: true }

/** 408, 421, 425, 431: of the connection, or of the moment (RFC 9110 §15.5, RFC 8470, RFC 6585). */
const saysNothingOfTheSession: ReadonlySet<number> = new Set([408, 421, 425, 431])

/** @throws {GraphTimedOut | GraphAnswerInvalid | GraphFailed} what another try would not mend */
export function verdictOnFailure(failure: OutboundFailure, pass: Pass): Verdict {
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
      return { retryable: new GraphFailed(failure.kind, failure.message, { cause: failure }) }
  }
}

export interface Circumstances {
  readonly trip: Trip
  /** What Graph was asked with. */
  readonly token: string
  readonly pass: Pass
  /** Epoch milliseconds. */
  readonly now: number
  /** @returns whether another token may be had */
  readonly rejectToken: () => boolean
  readonly roleMissing: () => void
}

/** @throws {GraphThrottled | GraphAnswerInvalid | GraphRefused | GraphFailed} what another try would not mend */
export function verdictOn(
  response: OutboundResponse,
  question: SessionQuestion,
  { trip, token, pass, now, rejectToken, roleMissing }: Circumstances,
): Verdict {
  const { status } = response
  const wait = retryAfterMs(response.headers['retry-after'], now)
  if (status === 429 || (status === 503 && wait !== undefined)) {
    const shutForMs = pass.throttled(wait)
    const reason = `Graph answered ${status} (${trip.clientRequestId})`
    const throttled = new GraphThrottled(Math.max(1, shutForMs), reason, status)
    if (shutForMs > longestAtGateMs) throw throttled
    return { retryable: throttled, isAskedFor: true }
  }
  if (status >= 500) {
    const reason = describe(response, trip, token)
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
    const refused = new GraphRefused(describe(response, trip, token), status)
    if (!rejectToken()) throw refused
    return { retryable: refused, isAskedFor: true }
  }
  if (status === 403 && /missing application roles/i.test(errorOf(response).message)) {
    roleMissing()
  }
  if (saysNothingOfTheSession.has(status)) {
    throw new GraphFailed('http_request_error', describe(response, trip, token), { receivedStatus: status })
  }
  if (status === 403 || (status >= 400 && isGraphsError(response))) {
    throw new GraphRefused(describe(response, trip, token), status)
  }
  throw new GraphAnswerInvalid(describe(response, trip, token), status)
}
