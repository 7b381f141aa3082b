/**
 * The public server: connections, TLS, the parser's edge, and Express, where the journey lives.
 *
 * Whatever Node would answer by itself (a missing Host, an unknown expectation, CONNECT, bytes that are not HTTP) is
 * answered here instead, so that every answer has the same form.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import {
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import express from 'express'
import type { GatewayError } from '../errors.ts'
import { type Answer, envelope } from './answer.ts'
import { ExpectationFailed } from './errors.ts'
import type { Journey } from './conduct.ts'
import { ambiguityOf } from './sanity.ts'
import { createServerFor, type TlsFiles } from './tls.ts'

export interface PublicServer {
  readonly server: Server
  /** Requests not answered yet. */
  readonly inFlight: number
  /** Resolves once every request that has come has its record, and its answer where somebody waits for it. */
  settled(): Promise<void>
  /** From now on each answer ends its connection. */
  closeConnectionsAsTheyAnswer(): void
}

export interface PublicServerOptions {
  readonly journey: Journey
  readonly tls: TlsFiles | undefined
  /** The parser refused something, by Node's error code. */
  readonly onUnparsable: (code: string, requestId: string) => void
  /** A fault of ours that no answer could be made of. */
  readonly onFault: (error: unknown) => void
}

const limits: ServerOptions = {
  /** Longer than the usual idle time of load balancers (60 s), so that they close first and no request meets a reset. */
  keepAliveTimeout: 75_000,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  /** How often Node looks for those that have passed. */
  connectionsCheckingInterval: 2_000,
  // Answered by us, in our form.
  requireHostHeader: false,
}
/** Requests of one connection that wait for their answers; the last one ends it. No client in use sends as many. */
const mostPipelined = 16

export function createPublicServer({
  journey,
  tls,
  onUnparsable,
  onFault,
}: PublicServerOptions): PublicServer {
  /** Not answered yet. */
  const open = new Set<ServerResponse>()
  let isClosing = false
  /** Connections that end with the answer under way: what follows on them is not read. */
  const ending = new WeakSet<Duplex>()
  const answering = new WeakMap<Duplex, number>()

  const refusals = new WeakMap<IncomingMessage, GatewayError>()
  const underWay = new Set<Promise<void>>()
  function lead(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const led = journey(request, response, refusals.get(request)).finally(() => underWay.delete(led))
    underWay.add(led)
    return led
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
    // What has been read already is parsed to its end; no more is read.
    if (ending.has(socket)) return void socket.pause()
    const pipelined = (answering.get(socket) ?? 0) + 1
    open.add(response)
    answering.set(socket, pipelined)
    response.once('close', () => {
      open.delete(response)
      answering.set(socket, (answering.get(socket) ?? 1) - 1)
    })
    const ambiguity = ambiguityOf(request)
    if (ambiguity !== undefined) refusals.set(request, ambiguity)
    // What can be read in two ways may have a second request hidden in it or behind it.
    if (isClosing || ambiguity !== undefined) response.shouldKeepAlive = false
    // Node takes as many as come, and each waiting one costs memory.
    if (pipelined >= mostPipelined) response.shouldKeepAlive = false
    // Node has passed over what came with it, and would read on in the middle of it.
    if (request.headers.upgrade !== undefined) response.shouldKeepAlive = false
    if (!response.shouldKeepAlive) ending.add(socket)
    dispatch(request, response, (error) => {
      // Express passes by every handler when it cannot parse a target. The journey can say what is wrong with it.
      if (error === undefined) return void lead(request, response).catch(fault)
      fault(error)
    })
    function fault(error: unknown): void {
      onFault(error)
      socket.destroy()
    }
  }

  const server = createServerFor(tls, limits, handle)

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
    if (ending.has(socket)) return
    const requestId = randomUUID()
    onUnparsable('CONNECT', requestId)
    if ((answering.get(socket) ?? 0) > 0) return void socket.destroy()
    endWith(
      socket,
      requestId,
      405,
      { code: 'notAllowed', message: 'This gateway only reads: use GET or HEAD.' },
      ['allow', 'GET, HEAD'],
    )
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const code = error.code ?? 'unknown'
    if (code === 'ECONNRESET') return void socket.destroy()
    const requestId = randomUUID()
    onUnparsable(code, requestId)
    // Not of the parser: a TLS handshake that failed or never ended. Nothing can be said on such a connection.
    if (!code.startsWith('HPE_') && parserAnswers[code] === undefined) return void socket.destroy()
    // The answer under way is the last one, and whole.
    if (ending.has(socket) && socket.writable) return
    // In the middle of another answer these bytes would be taken for a part of it.
    if ((answering.get(socket) ?? 0) > 0) return void socket.destroy()
    const [status, message] = parserAnswers[code] ?? [
      400,
      'This is not an HTTP/1.1 request that can be read.',
    ]
    endWith(socket, requestId, status, { code: 'invalidRequest', message })
  })

  return {
    server,
    get inFlight() {
      return open.size
    },
    async settled() {
      await Promise.allSettled(underWay)
    },
    closeConnectionsAsTheyAnswer() {
      isClosing = true
      for (const response of open) response.shouldKeepAlive = false
    },
  }
}

const parserAnswers: Readonly<Record<string, readonly [status: number, message: string]>> = {
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
