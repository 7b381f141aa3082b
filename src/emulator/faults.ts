/**
 * Everything that goes wrong between a gateway and Microsoft, on demand.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises'
import type { Answer, Delivery, EmulatedRequest } from './server.ts'

export type Fault =
  | StatusFault
  | EntraFault
  /** Answers properly, later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Never answers, until the connection or the emulator closes. */
  | { readonly kind: 'hang' }
  /** Answers properly once the promise settles: a test decides the moment without sleeping. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown> }
  /**
   * Half of a proper answer, then the connection is gone: `Content-Length` promises twice what comes or, when it is
   * to be chunked, the last chunk never comes.
   */
  | { readonly kind: 'truncate'; readonly isChunked?: boolean }
  /** The head of a proper answer, and then so many bytes (1 unless told) each so many milliseconds. */
  | { readonly kind: 'drip'; readonly everyMs: number; readonly bytes?: number }
  /** A TCP reset in place of an answer. */
  | { readonly kind: 'reset' }
  /** An HTML page, as proxies and front doors send; 200 unless told. */
  | { readonly kind: 'html'; readonly status?: number }
  /** Graph only: a session's 200 carries another session's id (asked for or not); of no effect on the rest. */
  | { readonly kind: 'otherId' }
  /** Graph only: a session's 200 carries one property more than `$select` asked; of no effect on the rest. */
  | { readonly kind: 'extra' }
  /** 302 unless told. */
  | { readonly kind: 'redirect'; readonly location: string; readonly status?: number }
  /** Anything at all. */
  | {
      readonly kind: 'body'
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
      readonly body: string | Buffer
      /** Without a Content-Length, as Graph's own. */
      readonly isChunked?: boolean
    }

/** That part's own error body with this status. */
export interface StatusFault {
  readonly kind: 'status'
  readonly status: number
  /** `Retry-After`, verbatim: seconds, decimals, dates, nonsense. */
  readonly retryAfter?: string
  /** The body's error code. `plain` at the token endpoint: the status text alone, as Entra's throttling may. */
  readonly code?: string
  readonly message?: string
}

/** Token endpoint only: the AADSTS error, with the OAuth error and status that belong to it. */
export interface EntraFault {
  readonly kind: 'entraError'
  readonly aadsts: number
}

/** The parts that can be at fault; `token` is Entra's token endpoint. */
export const parts = ['graph', 'token', 'issuer', 'cluster', 'imds'] as const

export type PartName = (typeof parts)[number]

/** How a part answers when all is well, and how it words a refusal. */
export interface Part {
  answer(request: EmulatedRequest, twist?: 'otherId' | 'extra'): Answer | Promise<Answer>
  refuse(request: EmulatedRequest, fault: StatusFault | EntraFault): Answer
}

/** The faults waiting for the next requests to one part: each in turn, as often as it was asked for. */
export class FaultQueue {
  readonly #part: PartName
  #waiting: { readonly fault: Fault; times: number }[] = []

  constructor(part: PartName) {
    this.#part = part
  }

  /** @throws TypeError when this part cannot have that fault, or `times` is no count */
  add(fault: Fault, times: number): void {
    if (fault.kind === 'entraError' && this.#part !== 'token') throw new TypeError('entraError is for token')
    if ((fault.kind === 'otherId' || fault.kind === 'extra') && this.#part !== 'graph') {
      throw new TypeError(`${fault.kind} is for graph`)
    }
    if (fault.kind === 'drip' && fault.bytes !== undefined && !(fault.bytes >= 1)) {
      throw new TypeError('a drip has one byte at least')
    }
    if (times !== Infinity && !(Number.isSafeInteger(times) && times > 0)) {
      throw new TypeError('times is a positive whole number, or Infinity')
    }
    // A rejection is a settling like any other, and may come before anybody waits for it.
    if (fault.kind === 'hold') fault.until.catch(() => undefined)
    // Behind a fault without end nothing would ever get its turn.
    this.#waiting = this.#waiting.filter((waiting) => waiting.times !== Infinity)
    this.#waiting.push({ fault, times })
  }

  next(): Fault | undefined {
    const [first] = this.#waiting
    if (first === undefined) return undefined
    first.times -= 1
    if (first.times === 0) this.#waiting.shift()
    return first.fault
  }

  clear(): void {
    this.#waiting = []
  }
}

/** Answers a request as the fault says, or properly when there is none. Rejects when the client is gone. */
export async function meet(
  fault: Fault | undefined,
  part: Part,
  request: EmulatedRequest,
): Promise<Delivery> {
  switch (fault?.kind) {
    case undefined:
      break
    case 'status':
    case 'entraError':
      return whole(part.refuse(request, fault))
    case 'delay':
      await delay(fault.ms, undefined, { signal: request.signal })
      break
    case 'hang':
      await untilGone(request.signal)
      break
    case 'hold':
      await Promise.race([Promise.allSettled([fault.until]), untilGone(request.signal)])
      break
    case 'truncate':
      return { how: 'truncated', answer: await part.answer(request), isChunked: fault.isChunked ?? false }
    case 'drip': {
      const { everyMs, bytes = 1 } = fault
      return { how: 'dripping', answer: await part.answer(request), everyMs, bytes }
    }
    case 'reset':
      return { how: 'reset' }
    case 'html':
      return whole({ status: fault.status ?? 200, headers: { 'Content-Type': 'text/html' }, body: page })
    case 'otherId':
    case 'extra':
      return whole(await part.answer(request, fault.kind))
    case 'redirect':
      return whole({ status: fault.status ?? 302, headers: { Location: fault.location }, body: '' })
    case 'body':
      return whole(fault)
  }
  return whole(await part.answer(request))
}

function whole(answer: Answer): Delivery {
  return { how: 'whole', answer }
}

function untilGone(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const gone = () => reject(new Error('the client is gone'))
    if (signal.aborted) gone()
    else signal.addEventListener('abort', gone, { once: true })
  })
}

const page =
  '<!DOCTYPE html><html><head><title>Service unavailable</title></head><body>Try later.</body></html>'
