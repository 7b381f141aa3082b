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
  answering: number
  newest: ServerResponse
  isEnding: boolean
}

/** Node looks the address up when it is first asked, and keeps it; after a reset nobody could say it any more. */
function knowPeer(socket: Socket): void {
  void socket.remoteAddress
}

export function createConnections(options: ConnectionsOptions): Connections {
  const { most, clock, maxAgeMs = Infinity, random = Math.random } = options
  const standings = new Map<Duplex, Standing>()
  /** Requests without a whole answer; since when, on the monotonic clock, the answer waits to be taken, and how long it may. */
  const open = new Map<ServerResponse, { readonly untilMs: number } | undefined>()
  let count = 0
  let refused = 0
  let cut = 0
  let isClosing = false
  let isSweeping = false

  function begin(socket: Socket, response: ServerResponse): Standing {
    const ageMs = maxAgeMs * (1 - ageSpread + 2 * ageSpread * random())
    const standing = {
      endsAt: clock.monotonic() + ageMs,
      answering: 0,
      newest: response,
      isEnding: false,
    }
    standings.set(socket, standing)
    socket.once('close', () => standings.delete(socket))
    return standing
  }

  /** A slow reader is cut by this and not by the socket's own timer, which knows no end as long as a byte goes now and then. */
  function sweep(): void {
    const now = clock.monotonic()
    for (const [response, limit] of open) {
      // Behind another one, which is looked at, or taken, or not even made.
      if (!response.writableEnded || response.socket === null) continue
      if (limit === undefined) {
        const kibibytes = response.socket.writableLength / 1024
        open.set(response, { untilMs: now + takenWithinMs + kibibytes * takenWithinMsPerKiB })
      } else if (now >= limit.untilMs) {
        cut += 1
        open.set(response, { untilMs: Infinity })
        response.socket.destroy()
      }
    }
    isSweeping = false
    keepSweeping()
  }

  function keepSweeping(): void {
    if (isSweeping || open.size === 0) return
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
      return open.size
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
      const standing = standings.get(socket) ?? begin(socket, response)
      // What has been read already is parsed to its end; no more is read.
      if (standing.isEnding) {
        socket.pause()
        return false
      }
      open.set(response, undefined)
      keepSweeping()
      standing.answering += 1
      standing.newest = response
      response.once('close', () => {
        open.delete(response)
        standing.answering -= 1
      })
      // Node takes as many as come, and each waiting one costs memory.
      if (standing.answering >= mostPipelined) response.shouldKeepAlive = false
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
      if (standing === undefined || standing.newest !== response) return
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
    isAnswering: (socket) => (standings.get(socket)?.answering ?? 0) > 0,
    close() {
      isClosing = true
    },
    endIdle() {
      for (const [socket, { answering }] of standings) {
        if (answering === 0) socket.destroy()
      }
    },
  }
}
