/**
 * The public server: connections, TLS, the parser's edge, and Express, where the journey lives.
 *
 * Whatever Node would answer by itself (a missing Host, an unknown expectation, CONNECT, bytes that are not HTTP) is
 * answered here instead, so that every answer has the same form.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import express from 'express'
import type { GatewayError } from '../errors.ts'
import { type Answer, envelope } from './answer.ts'
import type { Journey } from './conduct.ts'
import { type Connections, limits } from './connections.ts'
import { ExpectationFailed } from './errors.ts'
import { ambiguityOf } from './sanity.ts'
import type { Shedding } from './shedding.ts'
import { createServerFor, type TlsFiles } from './tls.ts'

export interface PublicServer {
  readonly server: Server
  readonly connections: Connections
  /** Resolves once every request that has come has its record, and its answer where somebody waits for it. */
  settled(): Promise<void>
  /** Takes no new connection, and ends each one with its next answer; those that wait for nothing are left alone. */
  close(): void
}

export interface PublicServerOptions {
  readonly journey: Journey
  readonly tls: TlsFiles | undefined
  readonly connections: Connections
  readonly shedding: Shedding
  /** Other than the usual ones. */
  readonly limits?: Partial<Record<keyof typeof limits, number>>
  /** The parser refused something, by Node's error code. */
  readonly onUnparsable: (code: string, requestId: string) => void
  /** A fault of ours that no answer could be made of. */
  readonly onFault: (error: unknown) => void
}

export function createPublicServer({
  journey,
  tls,
  connections,
  shedding,
  limits: others = {},
  onUnparsable,
  onFault,
}: PublicServerOptions): PublicServer {
  const refusals = new WeakMap<IncomingMessage, GatewayError>()
  /** Of those who have waited in line, for how many milliseconds. */
  const waits = new WeakMap<IncomingMessage, number>()
  const { leaving } = connections
  function lead(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refused = refusals.get(request)
    return journey.lead(request, response, { refused, waitedMs: waits.get(request) ?? 0, leaving })
  }
  const app = express().disable('x-powered-by').disable('etag').set('query parser', false)
  app.use((request, response) => lead(request, response))
  // Express's own last resort would answer in HTML, so it is given one of ours; its types leave that out.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const dispatch = app as unknown as (
    request: IncomingMessage,
    response: ServerResponse,
    lastResort: (error?: unknown) => void,
  ) => void

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    if (!connections.take(socket, response)) return
    const ambiguity = ambiguityOf(request)
    if (ambiguity !== undefined) refusals.set(request, ambiguity)
    // What can be read in two ways may have a second request hidden in it or behind it. And with an Upgrade Node has
    // passed over what came with it, and would read on in the middle of it.
    if (ambiguity !== undefined || request.headers.upgrade !== undefined) {
      connections.endAfter(socket, response)
    }
    shedding.admit(request, response, (waitedMs) => begin(request, response, waitedMs))
  }

  function begin(request: IncomingMessage, response: ServerResponse, waitedMs: number): void {
    const refused = refusals.get(request)
    try {
      if (journey.leadAtOnce(request, response, { refused, waitedMs, leaving })) return
    } catch (error) {
      return fault(error)
    }
    if (waitedMs > 0) waits.set(request, waitedMs)
    dispatch(request, response, (error) => {
      // Express passes by every handler when it cannot parse a target. The journey can say what is wrong with it.
      if (error === undefined) return void lead(request, response).catch(fault)
      fault(error)
    })
    function fault(error: unknown): void {
      onFault(error)
      request.socket.destroy()
    }
  }

  const server = createServerFor(tls, { ...limits, ...others, requireHostHeader: false }, handle)
  connections.attach(server)

  // Some versions of Node pass over whatever stands behind the thousandth header, a Content-Length too. Their bytes are
  // bounded all the same.
  server.maxHeadersCount = 0

  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // No 100 is ever sent, so Node closes the connection: the caller may send the body that it has announced.
    response.shouldKeepAlive = false
    handle(request, response)
  })
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    refusals.set(request, new ExpectationFailed())
    handle(request, response)
  })
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    // Node has let go of this socket, and an error that nobody listens for would end the process.
    socket.on('error', () => socket.destroy())
    if (connections.isEnding(socket)) return
    const requestId = randomUUID()
    onUnparsable('CONNECT', requestId)
    if (connections.isAnswering(socket)) return void socket.destroy()
    endWith(
      socket,
      requestId,
      405,
      { code: 'notAllowed', message: 'This gateway only reads: use GET or HEAD.' },
      ['allow', 'GET, HEAD'],
    )
    connections.cutUnlessTaken(socket)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const code = error.code ?? 'unknown'
    if (code === 'ECONNRESET') return void socket.destroy()
    const requestId = randomUUID()
    onUnparsable(code, requestId)
    // Not of the parser: a TLS handshake that failed or never ended. Nothing can be said on such a connection.
    if (!code.startsWith('HPE_') && parserAnswers[code] === undefined) return void socket.destroy()
    // The answer under way is the last one, and whole.
    if (connections.isEnding(socket) && socket.writable) return
    // In the middle of another answer these bytes would be taken for a part of it.
    if (connections.isAnswering(socket)) return void socket.destroy()
    const [status, message] = parserAnswers[code] ?? [
      400,
      'This is not an HTTP/1.1 request that can be read.',
    ]
    endWith(socket, requestId, status, { code: 'invalidRequest', message })
    connections.cutUnlessTaken(socket)
  })

  return {
    server,
    connections,
    async settled() {
      while (shedding.waiting > 0) await turn()
      await journey.settled()
    },
    close() {
      connections.close()
      shedding.close()
      // Not http's own: that cuts the connections which wait for nothing, and a request may be on its way on each.
      NetServer.prototype.close.call(server)
    },
  }
}

/** What cannot be read, by the error that says so. */
export const parserAnswers: Readonly<Record<string, readonly [status: number, message: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'The request headers are larger than 16 KiB in all.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not arrive in time.'],
}

/** An answer where there is no response object to write it with; the connection ends with it. */
function endWith(
  socket: Duplex,
  requestId: string,
  status: number,
  error: { readonly code: string; readonly message: string },
  headers: readonly string[] = [],
): void {
  // More of the same bytes: the connection has its answer, and ends once that is written.
  if (!socket.writable) return
  const exchange = { requestId, clientRequestId: undefined, arrivedAt: Date.now() }
  const proxyStatus = ['proxy-status', 'session-gateway; error=http_request_error']
  const answer: Answer = envelope(exchange, status, error, [
    ...proxyStatus,
    ...headers,
    'connection',
    'close',
  ])
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, `date: ${new Date().toUTCString()}`]
  for (let at = 0; at < answer.headers.length; at += 2)
    lines.push(`${answer.headers[at]}: ${answer.headers[at + 1]}`)
  // Not left half open: whoever keeps the other half would keep this connection, and a stopping gateway, for ever.
  socket.end(`${lines.join('\r\n')}\r\n\r\n${answer.body}`, 'latin1', () => socket.destroy())
}
