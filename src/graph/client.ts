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
import { isJsonObject, parseJsonObject } from '../json.ts'
import { type Outbound, OutboundFailure, type OutboundResponse, retryAfterMs } from '../outbound/index.ts'
import type { TokenProvider } from '../token/index.ts'
import { assertSessionAnswer } from './check.ts'
import { GraphAnswerInvalid, GraphFailed, GraphRefused, GraphThrottled, GraphTimedOut } from './errors.ts'
import type { Gate, Pass } from './gate.ts'
import type { SessionAnswer, SessionQuestion, Trip } from './question.ts'

export interface GraphClient {
  /**
   * One trip to Graph, retry included.
   *
   * @throws {GraphThrottled | GraphRefused | GraphAnswerInvalid | GraphFailed | GraphTimedOut | TokenUnavailable}
   */
  readSession(question: SessionQuestion): Promise<SessionAnswer>
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

export function createGraphClient(options: GraphClientOptions): GraphClient {
  const { origin, deadlineMs, maxBodyBytes, outbound, tokens, gate, clock, observer } = options

  async function readSession(question: SessionQuestion): Promise<SessionAnswer> {
    const deadline = clock.monotonic() + deadlineMs
    for (let tryNumber = 1; ; tryNumber += 1) {
      const pass = gate.enter()
      try {
        const outcome = await tryOnce(question, deadline, pass)
        if ('answer' in outcome) return outcome.answer
        if (tryNumber === tries || clock.monotonic() >= deadline) throw outcome.retryable
      } finally {
        pass.abandoned()
      }
    }
  }

  type Outcome = { readonly answer: SessionAnswer } | { readonly retryable: GatewayError }

  async function tryOnce(question: SessionQuestion, deadline: number, pass: Pass): Promise<Outcome> {
    const token = await before(deadline, tokens.get())
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
      throw new GraphThrottled(
        Math.max(1, gate.shutForMs),
        `Graph answered ${status} (${trip.clientRequestId})`,
      )
    }
    if (status >= 500) {
      pass.failed()
      return { retryable: new GraphFailed('http_request_error', describe(response, trip)) }
    }
    pass.served()
    if (status === 200) {
      assertSessionAnswer(response, question)
      return {
        answer: {
          status,
          headers: representationHeaders(response),
          body: response.body.toString('latin1'),
          trip,
        },
      }
    }
    if (status === 404 || status === 410) {
      // A front door's error page says nothing about the session.
      if (!isJsonObject(parseJsonObject(response.body)?.['error'])) {
        throw new GraphAnswerInvalid(`a ${status} that is not one of Graph's errors`)
      }
      return { answer: { status, headers: [], body: '', errorCode: errorCodeOf(response), trip } }
    }
    if (status === 401) {
      const refused = new GraphRefused(describe(response, trip))
      if (!tokens.reject(token)) throw refused
      return { retryable: refused }
    }
    if (status === 403) {
      if (/missing application roles/i.test(errorOf(response).message)) observer.roleMissing(trip)
      throw new GraphRefused(describe(response, trip))
    }
    throw new GraphFailed('http_request_error', describe(response, trip))
  }

  /** Waiting for a token is part of the trip, and so of its deadline. */
  async function before<T>(deadline: number, promise: Promise<T>): Promise<T> {
    let cancel = (): void => {}
    const timeout = new Promise<never>((_resolve, reject) => {
      cancel = clock.after(deadline - clock.monotonic(), () =>
        reject(new GraphTimedOut('the token exchange took longer than graph.deadline')),
      )
    })
    try {
      return await Promise.race([promise, timeout])
    } finally {
      cancel()
    }
  }

  return { readSession }
}

const passedOn = ['content-type', 'odata-version'] as const

function representationHeaders({ headers }: OutboundResponse): [name: string, value: string][] {
  return passedOn.flatMap((name) => {
    const value = headers[name]
    return typeof value === 'string' && /^[ -~]{1,256}$/.test(value) ? [[name, value]] : []
  })
}

function requestIdOf({ headers }: OutboundResponse): { requestId?: string } {
  const requestId = headers['request-id']
  return typeof requestId === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(requestId) ? { requestId } : {}
}

function errorCodeOf(response: OutboundResponse): string {
  const { code } = errorOf(response)
  return /^[A-Za-z0-9_.-]{1,64}$/.test(code) ? code : 'itemNotFound'
}

function errorOf({ body }: OutboundResponse): { code: string; message: string } {
  const error = parseJsonObject(body)?.['error']
  const { code, message } = isJsonObject(error) ? error : {}
  return { code: typeof code === 'string' ? code : '', message: typeof message === 'string' ? message : '' }
}

/** For the operator's log. Graph's error messages name roles and ids, never a session's content. */
function describe(response: OutboundResponse, trip: Trip): string {
  const { code, message } = errorOf(response)
  const ids = `client-request-id ${trip.clientRequestId}, request-id ${trip.requestId ?? 'none'}`
  return `Graph answered ${response.status} ${code.slice(0, 64)} ${message.slice(0, 300)} (${ids})`
}
