/**
 * Trips to Graph, whatever is asked: a turn in the line, a token, fixed headers, one deadline over all of it, and one
 * more try where that makes sense.
 *
 * Nothing of the caller's request comes this far but the canonical question.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { GatewayError } from '../errors.ts'
import { OutboundFailure, type OutboundResponse } from '../outbound/index.ts'
import { type TokenProvider, TokenUnavailable } from '../token/index.ts'
import { GraphTimedOut, TripCancelled } from './errors.ts'
import type { Pass } from './gate.ts'
import type { Line, Turn } from './line.ts'
import type { Boarding, Trip } from './question.ts'
import { requestIdOf } from './response.ts'
import type { RetryBudget } from './retries.ts'
import { type Expectation, type Verdict, verdictOn, verdictOnFailure } from './verdict.ts'

/** What is to be asked, how, and what may come of it. */
export interface Errand<A> extends Expectation<A> {
  /** Besides the fixed ones. */
  readonly headers: Readonly<Record<string, string>>
  /** @throws {OutboundFailure} */
  ask(call: Call): Promise<OutboundResponse>
  readonly line: Line
  /** The answer is given while the rest of it is still to come: `back` says that it has, or never will. */
  readonly arriving?: (answer: A, back: () => void) => void
}

export interface Call {
  readonly headers: Readonly<Record<string, string>>
  readonly deadlineMs: number
  /** The one before may have failed because of its connection, and of those that are kept others may be as bad. */
  readonly onNewConnection: boolean
  /** Aborts when nobody wants the answer any more; whether it is fetched all the same is for the errand to say. */
  readonly cancelled: AbortSignal
}

export interface Trips {
  /**
   * One trip to Graph, retry included.
   *
   * @throws {GraphThrottled | GraphBusy | GraphRefused | GraphAnswerInvalid | GraphFailed | GraphTimedOut |
   *   TripCancelled | TokenUnavailable}
   */
  travel<A>(errand: Errand<A>, boarding: Boarding): Promise<A>
}

export interface TripsOptions {
  /** A trip in all: its turn, token, both tries. */
  readonly deadlineMs: number
  readonly tokens: TokenProvider
  readonly retries: RetryBudget
  readonly clock: Clock
  readonly observer: GraphObserver
}

export interface GraphObserver {
  /** @param outcome Graph's status, or the RFC 9209 name of what failed */
  called(outcome: number | string, trip: Trip, durationMs: number): void
  /** One more try would have made sense. */
  retried(isWithinBudget: boolean): void
  /** Graph says that our application lacks the role. */
  roleMissing(trip: Trip): void
}

/** A second try is for what may have been chance. */
const tries = 2
const tokenRetryMs = 1_000

export function createTrips({ deadlineMs, tokens, retries, clock, observer }: TripsOptions): Trips {
  async function travel<A>(errand: Errand<A>, boarding: Boarding): Promise<A> {
    const { waitedMs = 0 } = boarding
    const deadline = clock.monotonic() + Math.max(0, deadlineMs - waitedMs)
    const entering = {
      deadline,
      cancelled: boarding.cancelled,
      get isAwaited() {
        return boarding.isAwaited
      },
    }
    let failure: GatewayError | undefined
    let isOfBudget = false
    for (let tryNumber = 1; ; tryNumber += 1) {
      const turn = await errand.line.enter(entering).catch((refusal: unknown) => {
        if (isOfBudget) retries.giveBack()
        // What Graph itself has said says more.
        throw failure ?? refusal
      })
      if (tryNumber === 1) retries.called()
      if (isOfBudget) observer.retried(true)
      let isArriving = false
      try {
        const verdict = await tryOnce(errand, boarding, { deadline, turn, isRetry: tryNumber > 1 })
        if ('answer' in verdict) {
          isArriving = errand.arriving !== undefined
          errand.arriving?.(verdict.answer, () => turn.abandoned())
          return verdict.answer
        }
        failure = verdict.retryable
        isOfBudget = verdict.isAskedFor === undefined
        const isPossible = tryNumber < tries && clock.monotonic() < deadline
        // A failure that another try follows is not told to the gate: it may have been chance.
        if (isPossible && (!isOfBudget || mayTryAgain(turn))) continue
        turn.failed()
        throw failure
      } catch (error) {
        // For want of time, and Graph has said something before.
        throw isOfBudget && error instanceof GraphTimedOut ? failure : error
      } finally {
        if (!isArriving) turn.abandoned()
      }
    }
  }

  function mayTryAgain(turn: Pass): boolean {
    // A probe finds out about Graph, and once is enough for that.
    if (turn.isProbe) return false
    const isWithinBudget = retries.take()
    if (!isWithinBudget) observer.retried(false)
    return isWithinBudget
  }

  async function tryOnce<A>(
    errand: Errand<A>,
    boarding: Boarding,
    {
      deadline,
      turn,
      isRetry,
    }: { readonly deadline: number; readonly turn: Turn; readonly isRetry: boolean },
  ): Promise<Verdict<A>> {
    const token = await inTime(tokens.get(), deadline, boarding.cancelled)
    boarding.departs()
    const clientRequestId = randomUUID()
    const startedAt = clock.monotonic()
    let response: OutboundResponse
    try {
      response = await errand.ask({
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/json',
          'accept-encoding': 'identity',
          'client-request-id': clientRequestId,
          'user-agent': 'session-gateway',
          ...errand.headers,
        },
        deadlineMs: Math.max(0, deadline - startedAt),
        onNewConnection: isRetry,
        cancelled: boarding.cancelled,
      })
    } catch (error) {
      if (!(error instanceof OutboundFailure)) throw error
      observer.called(error.kind, { clientRequestId }, clock.monotonic() - startedAt)
      // Where its turn came late that is why, and Graph need not have failed.
      if (error.kind === 'http_response_timeout' && deadline - startedAt < deadlineMs / 2) turn.abandoned()
      return verdictOnFailure(error, turn)
    }
    const trip: Trip = { clientRequestId, ...requestIdOf(response) }
    observer.called(response.status, trip, clock.monotonic() - startedAt)
    return verdictOn(response, errand, {
      trip,
      token,
      turn,
      now: clock.now(),
      rejectToken: () => tokens.reject(token),
      roleMissing: () => observer.roleMissing(trip),
    })
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

  return { travel }
}
