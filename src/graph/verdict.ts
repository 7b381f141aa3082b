/**
 * What to make of what a call to Graph came to: an answer, a failure, or a failure that another try may mend.
 *
 * @module
 */

import type { GatewayError } from '../errors.ts'
import { type OutboundFailure, type OutboundResponse, retryAfterMs } from '../outbound/index.ts'
import {
  GraphAnswerInvalid,
  GraphFailed,
  GraphRefused,
  GraphRejectedQuery,
  GraphThrottled,
  GraphTimedOut,
} from './errors.ts'
import type { Pass } from './gate.ts'
import { longestAtGateMs, type Turn } from './line.ts'
import type { Trip } from './question.ts'
import { describe, errorCodeOf, errorOf, isGraphsError } from './response.ts'

/** What answers make sense, and what becomes of them. */
export interface Expectation<A> {
  /**
   * A 200.
   *
   * @throws {GraphAnswerInvalid} not one to be passed on
   */
  accept(response: OutboundResponse, trip: Trip): A
  absent(status: 404 | 410, errorCode: string, trip: Trip): A
  /** What is held still holds; not set where nothing is. */
  readonly unchanged: ((trip: Trip) => A) | undefined
  /** Whether there is something in the query that only Graph can judge. */
  readonly isCallersQuery: boolean
  /** Whether an error of Graph's may be quoted to the operator: what was asked holds no words of a session. */
  readonly mayBeQuoted: boolean
  /** Whether the rest of a 200 is still to come. */
  readonly arriving?: unknown
}

export type Verdict<A> =
  | { readonly answer: A }
  /** Worth another try: one that Graph itself asks for, or one for what may have been chance. */
  | { readonly retryable: GatewayError; readonly isAskedFor?: true }

/** 408, 421, 425, 431: of the connection, or of the moment (RFC 9110 §15.5, RFC 8470, RFC 6585). */
const saysNothingOfWhatWasAsked: ReadonlySet<number> = new Set([408, 421, 425, 431])

/** @throws {GraphTimedOut | GraphAnswerInvalid | GraphFailed} what another try would not mend */
export function verdictOnFailure(failure: OutboundFailure, pass: Pass): Verdict<never> {
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
    case 'proxy_configuration_error':
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
  readonly turn: Turn
  /** Epoch milliseconds. */
  readonly now: number
  /** @returns whether another token may be had */
  readonly rejectToken: () => boolean
  readonly roleMissing: () => void
}

/**
 * @throws {GraphThrottled | GraphAnswerInvalid | GraphRefused | GraphRejectedQuery | GraphFailed} what another try would
 *   not mend
 */
export function verdictOn<A>(
  response: OutboundResponse,
  expected: Expectation<A>,
  { trip, token, turn, now, rejectToken, roleMissing }: Circumstances,
): Verdict<A> {
  const { status } = response
  const described = (): string => describe(response, trip, token, expected.mayBeQuoted)
  const wait = retryAfterMs(response.headers['retry-after'], now)
  if (status === 429 || (status === 503 && wait !== undefined)) {
    const shutForMs = turn.throttled(wait)
    const reason = `Graph answered ${status} (${trip.clientRequestId})`
    const throttled = new GraphThrottled(Math.max(1, shutForMs), reason, status)
    if (shutForMs > longestAtGateMs) throw throttled
    return { retryable: throttled, isAskedFor: true }
  }
  if (status >= 500) {
    const reason = described()
    return { retryable: new GraphFailed('http_request_error', reason, { receivedStatus: status }) }
  }
  if (status === 200 && expected.arriving !== undefined) turn.begun()
  else turn.served()
  if (status === 200) return { answer: expected.accept(response, trip) }
  if (status === 304 && expected.unchanged !== undefined) return { answer: expected.unchanged(trip) }
  if (status === 404 || status === 410) {
    // A front door's error page says nothing about the session.
    if (!isGraphsError(response)) {
      throw new GraphAnswerInvalid(`a ${status} that is not one of Graph's errors`, status)
    }
    return { answer: expected.absent(status, errorCodeOf(response), trip) }
  }
  if (status === 401) {
    const refused = new GraphRefused(described(), status)
    if (!rejectToken()) throw refused
    return { retryable: refused, isAskedFor: true }
  }
  if (status === 403 && /missing application roles/i.test(errorOf(response).message)) {
    roleMissing()
  }
  if (status === 400 && expected.isCallersQuery && isGraphsError(response)) {
    throw new GraphRejectedQuery(errorOf(response).message.replaceAll(token, ''), described())
  }
  if (saysNothingOfWhatWasAsked.has(status)) {
    throw new GraphFailed('http_request_error', described(), { receivedStatus: status })
  }
  if (status === 403 || (status >= 400 && isGraphsError(response))) {
    throw new GraphRefused(described(), status)
  }
  throw new GraphAnswerInvalid(described(), status)
}
