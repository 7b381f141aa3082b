/**
 * Reviews of tokens: a verified token is believed only as long as the API server takes it.
 *
 * A review is not older than ten seconds, and whoever is in use has theirs renewed before that, behind them: only a token
 * that is new here waits. Each token is asked about once at a time. After a failure nobody asks for a moment, and then one
 * alone: an API server that is down or overwhelmed is not helped by the rest of us.
 *
 * @module
 */

import type { Clock } from '../clock.ts'
import { messageOf, withoutTokens } from '../errors.ts'
import type { Caller } from './caller.ts'
import { TokenReviewUnavailable, Unauthenticated } from './errors.ts'
import { createTokenMemory } from './tokens.ts'

export interface Reviews {
  /**
   * @param caller whom the token names, as we have verified
   * @returns the same, at once where the review is at hand
   * @throws {Unauthenticated} the API server does not take the token
   * @throws {TokenReviewUnavailable} it does not say, and `whenUnavailable` is `reject`
   */
  confirm(caller: Caller, token: string): Caller | Promise<Caller>
  /** The token is taken, and need not be asked about again yet. */
  hasAtHand(token: string): boolean
  /** Why the last review came to nothing; `undefined` when the last one was answered. */
  readonly problem: string | undefined
  close(): void
}

export type ReviewOutcome = 'accepted' | 'refused' | 'unavailable'

export interface ReviewsOptions {
  /**
   * Asks the API server, within a bounded time.
   *
   * @returns why the token does not hold; `undefined` when it does
   */
  readonly review: (token: string, caller: Caller) => Promise<string | undefined>
  /** What becomes of a token that the API server says nothing about: refused for the moment, or believed. */
  readonly whenUnavailable: 'reject' | 'accept'
  readonly clock: Clock
  readonly observer: {
    reviewed(outcome: ReviewOutcome): void
    /** Reviews fail, or for another reason than before; `undefined`: they are answered again. */
    changed(problem: string | undefined): void
  }
  readonly close: () => void
}

interface Answer {
  readonly refusal: string | undefined
  /** All on the monotonic clock, and counted from when it was asked. */
  readonly renewAt: number
  readonly until: number
}

const believedMs = 10_000
const renewedAfterMs = 8_000
/** A pod that the API server has not heard of yet is heard of soon. */
const refusedMs = 2_000
const firstRestMs = 1_000
const longestRestMs = 10_000

export function createReviews({ review, whenUnavailable, clock, observer, close }: ReviewsOptions): Reviews {
  const remembered = createTokenMemory<Answer>()
  const asking = new Map<string, Promise<Answer | undefined>>()
  let problem: string | undefined
  let failures = 0
  let restUntil = Number.NEGATIVE_INFINITY
  /** Of the questions that were answered, when the last one was put. */
  let answeredSince = Number.NEGATIVE_INFINITY
  let isClosed = false

  function confirm(caller: Caller, token: string): Caller | Promise<Caller> {
    const now = clock.monotonic()
    const known = remembered.get(token)
    const mayAsk = failures === 0 || (now >= restUntil && asking.size === 0)
    if (known !== undefined && now < known.until) {
      if (now >= known.renewAt && mayAsk) void askOnce(caller, token)
      return decided(known, caller)
    }
    const asked = asking.get(token) ?? (mayAsk ? askOnce(caller, token) : undefined)
    return asked === undefined
      ? undecided(known, caller)
      : asked.then((answer) => (answer === undefined ? undecided(known, caller) : decided(answer, caller)))
  }

  function askOnce(caller: Caller, token: string): Promise<Answer | undefined> {
    const underWay = asking.get(token)
    if (underWay !== undefined) return underWay
    const answering = ask(caller, token).finally(() => asking.delete(token))
    asking.set(token, answering)
    return answering
  }

  /** @returns `undefined` when there is no answer; never rejects */
  async function ask(caller: Caller, token: string): Promise<Answer | undefined> {
    const askedAt = clock.monotonic()
    try {
      const refusal = await review(token, caller)
      const answer: Answer =
        refusal === undefined
          ? { refusal, renewAt: askedAt + renewedAfterMs, until: askedAt + believedMs }
          : { refusal, renewAt: askedAt + refusedMs, until: askedAt + refusedMs }
      remembered.set(token, answer)
      observer.reviewed(refusal === undefined ? 'accepted' : 'refused')
      answeredSince = Math.max(answeredSince, askedAt)
      failures = 0
      restUntil = Number.NEGATIVE_INFINITY
      tell(undefined)
      return answer
    } catch (error) {
      const now = clock.monotonic()
      observer.reviewed('unavailable')
      // Whoever was asked about later has an answer: this token is at fault, and the others are not to suffer for it.
      if (answeredSince > askedAt) return undefined
      // Those that were under way at the same time fail for the same reason.
      if (now >= restUntil) {
        restUntil = now + Math.min(longestRestMs, firstRestMs * 2 ** failures)
        failures += 1
      }
      tell(withoutTokens(messageOf(error)))
      return undefined
    }
  }

  function tell(news: string | undefined): void {
    // What is cut off because we end is no news.
    if (isClosed || news === problem) return
    problem = news
    observer.changed(problem)
  }

  function decided({ refusal }: Answer, caller: Caller): Caller {
    if (refusal === undefined) return caller
    throw new Unauthenticated(`issuer ${caller.issuer}: the token was reviewed: ${refusal}`)
  }

  /** What was refused before stays so: nothing that is gone comes back because nobody can be asked. */
  function undecided(known: Answer | undefined, caller: Caller): Caller {
    if (known?.refusal !== undefined) return decided(known, caller)
    if (whenUnavailable === 'accept') return caller
    throw new TokenReviewUnavailable(
      `issuer ${caller.issuer}: the token could not be reviewed: ${problem ?? 'no answer came'}`,
    )
  }

  return {
    confirm,
    hasAtHand(token) {
      const known = remembered.get(token)
      return known !== undefined && known.refusal === undefined && clock.monotonic() < known.renewAt
    },
    get problem() {
      return problem
    },
    close() {
      isClosed = true
      close()
    },
  }
}
