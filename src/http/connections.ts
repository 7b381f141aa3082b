/**
 * Connections: how many, how long, and how each one ends.
 *
 * A connection ends with an answer, never between one and the next: a request that has been read is answered, and
 * whoever gets `Connection: close` knows that there will be no other.
 *
 * @module
 */

import type { Server, ServerOptions, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TlsOptions } from 'node:tls'
import type { Clock } from '../clock.ts'

export interface Connections {
  /** Sockets, those that have not said anything yet included. */
  readonly count: number
  /** Connections refused since there were as many as there may be. */
  readonly refused: number
  /** Connections cut since their answer was not taken. */
  readonly cut: number
  /** Answers that have not been taken yet, or not been made. */
  readonly waiting: number
  attach(server: Server): void
  /**
   * A request has come.
   *
   * @returns false where its connection has had its last request: nothing is done for it
   */
  take(socket: Socket, response: ServerResponse): boolean
  /** The answer to the newest request of this connection is its last one. */
  endAfter(socket: Socket, response: ServerResponse): void
  /** To be called right before an answer's head is written. */
  readonly leaving: (response: ServerResponse) => void
  /** Its last answer has been written, by nobody's response: it is cut where that is not taken. */
  cutUnlessTaken(socket: Duplex): void
  isEnding(socket: Duplex): boolean
  isAnswering(socket: Duplex): boolean
  /** From now on each answer ends its connection. */
  close(): void
  /** Ends the connections that wait for nothing. */
  endIdle(): void
}

export interface ConnectionsOptions {
  /** How many there may be. */
  readonly most: number
  readonly clock: Clock
  /** After how long a connection ends with its next answer; Infinity where nothing is said. */
  readonly maxAgeMs?: number
  /** 0 ≤ n < 1. Spreads that. */
  readonly random?: () => number
}

/** What Node itself sees to. */
export const limits = {
  /** From the connection to the end of the TLS handshake. */
  handshakeTimeout: 10_000,
  /** Longer than the usual idle time of load balancers (60 s), so that they close first and no request meets a reset. */
  keepAliveTimeout: 75_000,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  /** How often Node looks for those that have passed. */
  connectionsCheckingInterval: 2_000,
} as const satisfies ServerOptions & TlsOptions

/** Requests of one connection that wait for their answers; the last one ends it. No client in use sends as many. */
const mostPipelined = 16
/** How long an answer may lie untaken, and how much longer for each KiB of it (62.5 KiB/s). */
const takenWithinMs = 30_000
const takenWithinMsPerKiB = 16
const sweepEveryMs = 5_000
const ageSpread = 0.1

interface Standing {
  /** On the monotonic clock: the next answer after it is the last. */
  readonly endsAt: number
  /** Those that have not been taken yet, or not been made, in order. */
  readonly answers: ServerResponse[]
  isEnding: boolean
  /** Of the answer that waits to be taken: until when it may, on the monotonic clock. */
  limit: { readonly of: ServerResponse; readonly untilMs: number } | undefined
  /** To be called, with a response as `this`, when that is closed. The same for all of a connection, so that none is made for each. */
  readonly closed: (this: ServerResponse) => void
}

/** Node looks the address up when it is first asked, and keeps it; after a reset nobody could say it any more. */
function knowPeer(socket: Socket): void {
  void socket.remoteAddress
}

export function createConnections(options: ConnectionsOptions): Connections {
  const { most, clock, maxAgeMs = Infinity, random = Math.random } = options
  const standings = new Map<Duplex, Standing>()
  /** Answers that have not been taken yet, or not been made. */
  let waiting = 0
  let count = 0
  let refused = 0
  let cut = 0
  let isClosing = false
  let isSweeping = false

  function begin(socket: Socket): Standing {
    const ageMs = maxAgeMs * (1 - ageSpread + 2 * ageSpread * random())
    const answers: ServerResponse[] = []
    const standing: Standing = {
      endsAt: clock.monotonic() + ageMs,
      answers,
      isEnding: false,
      limit: undefined,
      closed() {
        waiting -= 1
        answers.splice(answers.indexOf(this), 1)
      },
    }
    standings.set(socket, standing)
    socket.once('close', () => standings.delete(socket))
    return standing
  }

  /** A slow reader is cut by this and not by the socket's own timer, which knows no end as long as a byte goes now and then. */
  function sweep(): void {
    const now = clock.monotonic()
    for (const standing of standings.values()) {
      // Behind it they wait, whether they have been made or not.
      const [response] = standing.answers
      if (response?.writableEnded !== true || response.socket === null) continue
      const { limit } = standing
      if (limit?.of !== response) {
        const kibibytes = response.socket.writableLength / 1024
        standing.limit = { of: response, untilMs: now + takenWithinMs + kibibytes * takenWithinMsPerKiB }
      } else if (now >= limit.untilMs) {
        cut += 1
        standing.limit = { of: response, untilMs: Infinity }
        response.socket.destroy()
      }
    }
    isSweeping = false
    keepSweeping()
  }

  function keepSweeping(): void {
    if (isSweeping || waiting === 0) return
    isSweeping = true
    clock.after(sweepEveryMs, sweep)
  }

  return {
    get count() {
      return count
    },
    get refused() {
      return refused
    },
    get cut() {
      return cut
    },
    get waiting() {
      return waiting
    },
    attach(server) {
      server.maxConnections = most
      server.on('drop', () => {
        refused += 1
      })
      server.on('connection', (socket: Socket) => {
        count += 1
        socket.once('close', () => {
          count -= 1
        })
        knowPeer(socket)
      })
      server.on('secureConnection', knowPeer)
    },
    take(socket, response) {
      const standing = standings.get(socket) ?? begin(socket)
      // What has been read already is parsed to its end; no more is read.
      if (standing.isEnding) {
        socket.pause()
        return false
      }
      waiting += 1
      keepSweeping()
      response.on('close', standing.closed)
      // Node takes as many as come, and each waiting one costs memory.
      if (standing.answers.push(response) >= mostPipelined) response.shouldKeepAlive = false
      // Asked for by the caller, or by HTTP/1.0.
      if (!response.shouldKeepAlive) standing.isEnding = true
      return true
    },
    endAfter(socket, response) {
      response.shouldKeepAlive = false
      const standing = standings.get(socket)
      if (standing !== undefined) standing.isEnding = true
    },
    leaving(response) {
      const standing = standings.get(response.req.socket)
      // An answer before the newest one would leave those behind it without theirs.
      if (standing === undefined || standing.answers.at(-1) !== response) return
      if (!isClosing && clock.monotonic() < standing.endsAt) return
      response.shouldKeepAlive = false
      standing.isEnding = true
    },
    cutUnlessTaken(socket) {
      const cancel = clock.after(takenWithinMs, () => {
        cut += 1
        socket.destroy()
      })
      socket.once('close', cancel)
    },
    isEnding: (socket) => standings.get(socket)?.isEnding ?? false,
    isAnswering: (socket) => (standings.get(socket)?.answers.length ?? 0) > 0,
    close() {
      isClosing = true
    },
    endIdle() {
      for (const [socket, { answers }] of standings) {
        if (answers.length === 0) socket.destroy()
      }
    },
  }
}
