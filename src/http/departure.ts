/**
 * How an answer leaves: its record is handed over, and then, and only then, it does.
 *
 * @module
 */

import type { ServerResponse } from 'node:http'
import { type AuditRecord, AuditUnavailable, type Trail, type Waiter } from '../audit/index.ts'
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

export function createDeparture(options: DepartureOptions): Depart {
  return function depart(exchange, answer, departing) {
    const departure = new Departure(options, departing, exchange, answer)
    // What the trail itself has refused, it has counted.
    if (exchange.refusal instanceof AuditUnavailable) departure.leave()
    else departure.handOver(recordOf(exchange, answer.status))
  }
}

/** One answer, while it waits for its record, and when that is taken. */
class Departure implements Waiter {
  readonly #options: DepartureOptions
  readonly #departing: Departing
  readonly #exchange: Exchange
  /** What was found, where that is on its way from Graph; it may not be what leaves. */
  readonly #passing: Passing | undefined
  #answer: Answer | PassingAnswer
  #isHandedOver = false
  #hasRecord = false
  /** There is a record of an answer that does not leave. */
  #isWithheld = false

  constructor(
    options: DepartureOptions,
    departing: Departing,
    exchange: Exchange,
    answer: Answer | PassingAnswer,
  ) {
    this.#options = options
    this.#departing = departing
    this.#exchange = exchange
    this.#answer = answer
    this.#passing = isPassing(answer) ? answer.body : undefined
  }

  handOver(record: AuditRecord): void {
    this.#options.trail.hand(record, this)
    this.#isHandedOver = true
  }

  taken(): void {
    this.#hasRecord = true
    this.#leaveInTime()
  }

  notTaken(error: AuditUnavailable): void {
    this.#leaveInTime(error)
  }

  /** Who is told at once is so in the middle of what has been read: were the answer the last one, those behind it had none. */
  #leaveInTime(error?: AuditUnavailable): void {
    if (this.#isHandedOver) this.leave(error)
    else process.nextTick(() => this.leave(error))
  }

  /** @param error why there is no record in time; what else goes wrong here is no concern of whoever tells it */
  leave(error?: AuditUnavailable): void {
    try {
      if (error !== undefined) this.#withhold(error)
      this.#lookAgain()
      this.#send()
    } catch (fault) {
      this.#fault(fault)
    }
  }

  #fault(error: unknown): void {
    this.#options.onFault(error)
    this.#exchange.response.socket?.destroy()
    this.#departing.done()
  }

  #withhold(error: AuditUnavailable): void {
    const { action, refuse } = this.#options
    this.#answer = refuse(this.#exchange, error)
    this.#hasRecord = error.isRecorded
    // What has been done is on record, however late; what has only been asked is counted.
    this.#isWithheld = error.isRecorded || action === 'purge'
  }

  /** What has happened while the record was being written. */
  #lookAgain(): void {
    const exchange = this.#exchange
    const failure = this.#passing?.failure
    if (exchange.response.destroyed && !(exchange.refusal instanceof CallerLeft)) {
      exchange.refusal = new CallerLeft()
      this.#answer = { ...this.#answer, status: exchange.refusal.status }
      this.#isWithheld ||= this.#hasRecord
    } else if (failure !== undefined && this.#answer.body === this.#passing) {
      this.#answer = this.#options.refuse(exchange, failure)
      this.#isWithheld = this.#hasRecord
    }
  }

  #send(): void {
    const { trail, answered } = this.#options
    const exchange = this.#exchange
    const answer = this.#answer
    // The record says that the answer left; this one, that it did not.
    if (this.#isWithheld) trail.amend(recordOf(exchange, answer.status, 'withheld'))
    const hasLeft = exchange.refusal instanceof CallerLeft
    if (hasLeft || answer.body !== this.#passing) this.#passing?.drop()
    if (!hasLeft) {
      const { response } = exchange
      this.#departing.leaving(response)
      response.writeHead(answer.status, answer.headers)
      if (isPassing(answer)) return void this.#passOn(answer).catch((error: unknown) => this.#fault(error))
      response.end(answer.body, 'latin1')
    }
    answered(exchange, answer.status)
    this.#departing.done()
  }

  async #passOn({ status, body }: PassingAnswer): Promise<void> {
    const { trail, refuse, answered } = this.#options
    const exchange = this.#exchange
    try {
      await body.to(exchange.response)
      answered(exchange, status)
    } catch (error) {
      // What has been sent has been sent. That it is not whole, the caller sees by its end.
      const instead = refuse(exchange, error)
      trail.amend(recordOf(exchange, status, 'cut'))
      answered(exchange, instead.status)
    }
    this.#departing.done()
  }
}

function isPassing(answer: Answer | PassingAnswer): answer is PassingAnswer {
  return typeof answer.body !== 'string'
}
