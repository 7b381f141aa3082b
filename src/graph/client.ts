/**
 * The one door to Graph. Two lanes go through it, with the same line, token, headers and deadline: sessions, which are
 * read whole and checked, since they are kept; and everything else, which is passed on as it comes.
 *
 * @module
 */

import type { Outbound } from '../outbound/index.ts'
import { assertSessionAnswer } from './check.ts'
import { createPassThrough, type PassedOn } from './pass-through.ts'
import type { Line } from './line.ts'
import type { Boarding, SessionAnswer, SessionQuestion, SessionUnchanged } from './question.ts'
import { representationHeaders, validatorOf } from './response.ts'
import { createTrips, type Errand, type TripsOptions } from './trips.ts'

export interface GraphClient {
  /**
   * One trip to Graph, retry included.
   *
   * @throws {GraphThrottled | GraphBusy | GraphRefused | GraphAnswerInvalid | GraphFailed | GraphTimedOut |
   *   TripCancelled | TokenUnavailable}
   */
  readSession(question: SessionQuestion, boarding: Boarding): Promise<SessionAnswer | SessionUnchanged>
  /**
   * Any other read, its body still on its way. It must be read to its end or destroyed.
   *
   * @param target canonical
   * @throws what `readSession` does, and GraphRejectedQuery
   */
  passOn(target: string, boarding: Boarding): Promise<PassedOn>
}

export interface GraphClientOptions extends TripsOptions {
  /** As in `https://graph.microsoft.com`. */
  readonly origin: string
  /** Of a session. */
  readonly maxBodyBytes: number
  readonly outbound: Outbound
  /** For sessions, and for what is passed on. */
  readonly line: Line
  readonly passingLine: Line
}

export function createGraphClient(options: GraphClientOptions): GraphClient {
  const { origin, maxBodyBytes, outbound, line, passingLine } = options
  const trips = createTrips(options)
  const passThrough = createPassThrough({ ...options, line: passingLine })

  function sessionErrand(question: SessionQuestion): Errand<SessionAnswer | SessionUnchanged> {
    const { target, validator } = question
    return {
      line,
      headers: validator === undefined ? {} : { 'if-none-match': validator },
      ask: (call) => outbound.send({ origin, target, method: 'GET', maxBodyBytes, ...call }),
      accept(response, trip) {
        assertSessionAnswer(response, question)
        return {
          status: 200,
          headers: representationHeaders(response),
          body: response.body.toString('latin1'),
          ...validatorOf(response),
          trip,
        }
      },
      absent: (status, errorCode, trip) => ({ status, headers: [], body: '', errorCode, trip }),
      unchanged: validator === undefined ? undefined : (trip) => ({ status: 304, trip }),
      isCallersQuery: false,
      mayBeQuoted: true,
    }
  }

  return {
    readSession: (question, boarding) => trips.travel(sessionErrand(question), boarding),
    passOn: (target, boarding) => trips.travel(passThrough.errand(target), boarding),
  }
}
