/**
 * Shedding: requests that come faster than they can be answered wait in line, and who comes while it stands is refused.
 *
 * A turn of the event loop begins a few requests and leaves the rest in line, so that probes, answers and records get
 * their turns however many have come. Refusing is as cheap as can be, and a connection that was refused is not read
 * for a while: whoever asks again and again would have the core spend itself on refusals. docs/decisions/0017-overload.md
 * has the figures.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Trail } from '../audit/index.ts'
import type { Clock } from '../clock.ts'
import type { Flood, Log } from '../telemetry/index.ts'
import { answerError } from './answer.ts'
import { Overloaded } from './errors.ts'
import { clientRequestIdOf } from './exchange.ts'
import type { PeerOf } from './peer.ts'

export interface Shedding {
  /** Calls `begin` now or in its turn, with how long it has waited for that, or answers the request itself. */
  admit(request: IncomingMessage, response: ServerResponse, begin: (waitedMs: number) => void): void
  /** Requests refused. */
  readonly refused: number
  /** Requests in line. */
  readonly waiting: number
  /** From now on no connection is left unread. */
  close(): void
}

export interface SheddingOptions {
  readonly trail: Trail
  readonly clock: Clock
  readonly log: Log
  readonly flood: Flood
  readonly peerOf: PeerOf
  /** Called right before the head of a refusal is written. */
  readonly leaving: (response: ServerResponse) => void
}

interface Waiting {
  readonly begin: (waitedMs: number) => void
  /** On the monotonic clock. */
  readonly sinceMs: number
}

/** Begun in one turn of the event loop: a few milliseconds' worth. */
const mostBegun = 64
/** A line is cut where this many have gone, and are more than those who wait. */
const mostGone = 1024
/** Of the first in line: whoever comes while it has waited for longer is refused. */
const longestWaitMs = 250
/** Refusing costs nearly as much as a hit, so who was refused is heard again when the line is empty, or after this. */
const unreadForMs = 5_000

export function createShedding({ trail, clock, log, flood, peerOf, leaving }: SheddingOptions): Shedding {
  /** First come, first served; before `next` they have gone. */
  let line: (Waiting | undefined)[] = []
  let next = 0
  let begunInTurn = 0
  let isTurnToCome = false
  let refused = 0
  let isClosed = false
  /** Each with what cancels its end. */
  const unread = new Map<Socket, () => void>()
  const overloaded = new Overloaded(unreadForMs)

  /** Never two of them: each would begin as many. */
  function expectTurn(): void {
    if (isTurnToCome) return
    isTurnToCome = true
    setImmediate(startTurn)
  }

  function startTurn(): void {
    isTurnToCome = false
    begunInTurn = 0
    // One callback for each, so that what it has begun goes as far as it can before the next one is begun.
    for (let n = Math.min(mostBegun, line.length - next); n > 0; n -= 1) setImmediate(beginNext)
    if (line.length === 0) readAgain()
    if (line.length > 0 || unread.size > 0) expectTurn()
  }

  /** Those who were refused first, and no more than can be begun. */
  function readAgain(): void {
    let most = mostBegun
    for (const socket of unread.keys()) {
      if (most === 0) return
      most -= 1
      read(socket)
    }
  }

  function read(socket: Socket): void {
    unread.get(socket)?.()
    unread.delete(socket)
    socket.resume()
  }

  function firstWaitedMs(): number {
    const first = line[next]
    return first === undefined ? 0 : clock.monotonic() - first.sinceMs
  }

  function beginNext(): void {
    const first = line[next]
    if (first === undefined) return
    line[next] = undefined
    next += 1
    if (next === line.length || (next >= mostGone && 2 * next >= line.length)) {
      line = line.slice(next)
      next = 0
    }
    begunInTurn += 1
    first.begin(clock.monotonic() - first.sinceMs)
  }

  function refuse(request: IncomingMessage, response: ServerResponse): void {
    const { socket, method } = request
    const identified = {
      requestId: randomUUID(),
      clientRequestId: clientRequestIdOf(request),
      arrivedAt: clock.now(),
    }
    const { requestId, arrivedAt: time } = identified
    const peer = peerOf(request)
    const { code, status } = overloaded
    if (flood.admits('warn', code)) log.warn({ requestId, status, code, peer: peer.ip }, 'request refused')
    const refusal = { code, reason: undefined }
    // What the trail does not take, it counts.
    trail
      .record({ ...identified, action: 'read', time, durationMs: 0, method, peer, status, refusal })
      .catch(() => {})
    refused += 1
    // After all that was read with it has come: were it the last of its connection, those behind it would have no answer.
    process.nextTick(() => {
      leaving(response)
      // Not before: until then Node itself goes on reading.
      if (response.shouldKeepAlive) response.once('close', () => leaveUnread(socket))
      const answer = answerError(identified, overloaded)
      response.writeHead(answer.status, answer.headers)
      response.end(answer.body, 'latin1')
    })
  }

  function leaveUnread(socket: Socket): void {
    if (isClosed || socket.destroyed || unread.has(socket)) return
    unread.set(
      socket,
      clock.after(unreadForMs, () => read(socket)),
    )
    socket.pause()
    // The line may be empty by now.
    expectTurn()
  }

  return {
    admit(request, response, begin) {
      expectTurn()
      if (line.length === 0 && begunInTurn < mostBegun) {
        begunInTurn += 1
        begin(0)
      } else if (firstWaitedMs() > longestWaitMs) refuse(request, response)
      else line.push({ begin, sinceMs: clock.monotonic() })
    },
    get refused() {
      return refused
    },
    get waiting() {
      return line.length - next
    },
    close() {
      isClosed = true
      for (const socket of unread.keys()) read(socket)
    },
  }
}
