/**
 * How an answer leaves: its record is handed over, and then, and only then, it does.
 *
 * @module
 */

import type { ServerResponse } from 'node:http'
import { AuditUnavailable, type Trail } from '../audit/index.ts'
import type { Answer, PassingAnswer } from './answer.ts'
import { CallerLeft } from './errors.ts'
import { type Action, type Exchange, recordOf } from './exchange.ts'
import type { Passing } from './passing.ts'

export interface DepartureOptions {
  readonly action: Action
  readonly trail: Trail
  /** Notes the error on the exchange, and makes the answer that says so. */
  readonly refuse: (exchange: Exchange, error: unknown) => Answer
  readonly answered: (exchange: Exchange, status: number) => void
  /** A fault of ours that no answer could be made of. */
  readonly onFault: (error: unknown) => void
}

export interface Departing {
  /** Called right before the answer's head is written. */
  readonly leaving: (response: ServerResponse) => void
  /** Called once the answer is out, or is not to leave. */
  readonly done: () => void
}

export type Depart = (exchange: Exchange, answer: Answer | PassingAnswer, departing: Departing) => void

interface Recording {
  readonly hasRecord: boolean
  /** There is a record of an answer that does not leave. */
  readonly isWithheld: boolean
}

const recorded: Recording = { hasRecord: true, isWithheld: false }
const unrecorded: Recording = { hasRecord: false, isWithheld: false }

export function createDeparture(options: DepartureOptions): Depart {
  const { action, trail, refuse, answered, onFault } = options

  function send(
    exchange: Exchange,
    found: Answer | PassingAnswer,
    passing: Passing | undefined,
    { leaving, done }: Departing,
    { hasRecord, ...recording }: Recording,
  ): void {
    const { response } = exchange
    let answer = found
    let { isWithheld } = recording
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
    const hasLeft = exchange.refusal instanceof CallerLeft
    if (hasLeft || answer.body !== passing) passing?.drop()
    if (!hasLeft) {
      leaving(response)
      response.writeHead(answer.status, answer.headers)
      if (isPassing(answer)) return void passOn(exchange, answer).finally(done)
      response.end(answer.body, 'latin1')
    }
    answered(exchange, answer.status)
    done()
  }

  async function passOn(exchange: Exchange, { status, body }: PassingAnswer): Promise<void> {
    try {
      await body.to(exchange.response)
      answered(exchange, status)
    } catch (error) {
      // What has been sent has been sent. That it is not whole, the caller sees by its end.
      const instead = refuse(exchange, error)
      trail.amend(recordOf(exchange, status, 'cut'))
      answered(exchange, instead.status)
    }
  }

  return function depart(exchange, answer, departing) {
    const passing = isPassing(answer) ? answer.body : undefined
    function leave(made: Answer | PassingAnswer, recording: Recording): void {
      try {
        send(exchange, made, passing, departing, recording)
      } catch (error) {
        onFault(error)
        exchange.response.socket?.destroy()
        departing.done()
      }
    }

    // What the trail itself has refused, it has counted.
    if (exchange.refusal instanceof AuditUnavailable) return leave(answer, unrecorded)
    trail.hand(recordOf(exchange, answer.status), {
      taken: () => leave(answer, recorded),
      notTaken(error) {
        const hasRecord = error.isRecorded
        // What has been done is on record, however late; what has only been asked is counted.
        leave(refuse(exchange, error), { hasRecord, isWithheld: hasRecord || action === 'purge' })
      },
    })
  }
}

function isPassing(answer: Answer | PassingAnswer): answer is PassingAnswer {
  return typeof answer.body !== 'string'
}
