/**
 * The HTTPS origin behind which almost everything is emulated, and the plain one of IMDS: HTTP/1.1, keep-alive, bodies
 * bounded.
 *
 * @module
 */

import { once } from 'node:events'
import { createServer as createHttpsServer } from 'node:https'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Certificate } from './certificate.ts'
import type { RecordedRequest } from './request-log.ts'

export interface EmulatedRequest extends RecordedRequest {
  /** The target's path, undecoded. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** Aborts when the connection is gone: nobody waits for the answer any more. */
  readonly signal: AbortSignal
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer
  /** Sent without a Content-Length, as Graph does. */
  readonly isChunked?: boolean
}

/** How an answer comes to its client: whole, cut off in the middle, slowly, or as a connection reset in its place. */
export type Delivery =
  | { how: 'whole'; answer: Answer }
  | { how: 'truncated'; answer: Answer; isChunked: boolean }
  | { how: 'dripping'; answer: Answer; everyMs: number; bytes: number }
  | { how: 'reset' }

export interface Server {
  readonly port: number
  close(): Promise<void>
}

export interface ServerOptions {
  readonly host: string
  readonly port: number
  /** Plain http without one. */
  readonly certificate?: Certificate
  /** Epoch milliseconds, for the `Date` header. */
  readonly now: () => number
  deliver(request: EmulatedRequest): Promise<Delivery>
}

const bodyLimitBytes = 256 * 1024

export async function startServer(options: ServerOptions): Promise<Server> {
  // A reset needs the socket beneath TLS, and Node does not say which that is: the client's address does.
  const sockets = new Map<string, Socket>()
  const { certificate } = options
  const server =
    certificate === undefined
      ? createServer()
      : createHttpsServer({ cert: certificate.certPem, key: certificate.keyPem })
  server.keepAliveTimeout = 75_000
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket)
    sockets.set(peer, socket)
    socket.once('close', () => sockets.delete(peer))
  })
  server.on('request', (message, response) => {
    response.on('error', () => undefined)
    serve(message, response, options, () => sockets.get(peerOf(message.socket))?.resetAndDestroy()).catch(
      (error: unknown) => send(response, failed(error), options.now),
    )
  })
  server.listen(options.port, options.host)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('the emulator listens on a port')
  return {
    port: address.port,
    async close() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      for (const socket of sockets.values()) socket.destroy()
      await closed
    },
  }
}

async function serve(
  message: IncomingMessage,
  response: ServerResponse,
  options: ServerOptions,
  reset: () => void,
): Promise<void> {
  const connection = new AbortController()
  response.once('close', () => connection.abort())
  const body = await readBody(message)
  if (body === 'aborted') return
  if (body === 'tooLong') {
    send(response, text(413, 'Request Entity Too Large', { Connection: 'close' }), options.now)
    return
  }
  const request = emulatedRequest(message, body, connection.signal)
  const delivery = await options.deliver(request).catch((error: unknown) => {
    if (connection.signal.aborted) return undefined
    throw error
  })
  if (delivery === undefined) return
  if (delivery.how === 'reset') reset()
  else if (delivery.how === 'truncated') sendHalf(response, delivery, options.now)
  else if (delivery.how === 'dripping') await drip(response, delivery, options.now, connection.signal)
  else send(response, delivery.answer, options.now)
}

function emulatedRequest(message: IncomingMessage, body: Buffer, signal: AbortSignal): EmulatedRequest {
  const { method = '', url: target = '', httpVersion, rawHeaders, headers } = message
  const [path = '', ...query] = target.split('?')
  return {
    method,
    target,
    httpVersion,
    rawHeaders,
    body,
    path,
    query: new URLSearchParams(query.join('?')),
    headers,
    signal,
  }
}

async function readBody(message: IncomingMessage): Promise<Buffer | 'tooLong' | 'aborted'> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes <= bodyLimitBytes) chunks.push(chunk)
    }
  } catch {
    return 'aborted'
  }
  return bytes <= bodyLimitBytes ? Buffer.concat(chunks) : 'tooLong'
}

function send(response: ServerResponse, answer: Answer, now: () => number): void {
  if (response.destroyed) return
  response.end(sendHead(response, answer, now))
}

/** @returns the body, to be sent */
function sendHead(response: ServerResponse, answer: Answer, now: () => number, leastBytes = 0): Buffer {
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body
  response.writeHead(answer.status, {
    Date: new Date(now()).toUTCString(),
    ...answer.headers,
    ...(answer.isChunked === true
      ? { 'Transfer-Encoding': 'chunked' }
      : { 'Content-Length': Math.max(body.length, leastBytes) }),
  })
  return body
}

function sendHalf(
  response: ServerResponse,
  { answer, isChunked }: { readonly answer: Answer; readonly isChunked: boolean },
  now: () => number,
): void {
  const body = sendHead(response, { ...answer, isChunked }, now, 1)
  response.write(body.subarray(0, body.length >> 1), () => response.destroy())
}

async function drip(
  response: ServerResponse,
  { answer, everyMs, bytes }: { readonly answer: Answer; readonly everyMs: number; readonly bytes: number },
  now: () => number,
  signal: AbortSignal,
): Promise<void> {
  const body = sendHead(response, answer, now)
  try {
    for (let at = 0; at < body.length; at += bytes) {
      response.write(body.subarray(at, at + bytes))
      await delay(everyMs, undefined, { signal })
    }
    response.end()
  } catch {
    // The client is gone.
  }
}

export function json(status: number, content: unknown, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(content),
  }
}

export function text(status: number, body: string, headers: Record<string, string> = {}): Answer {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers }, body }
}

function failed(error: unknown): Answer {
  return text(500, `The emulator itself failed: ${error instanceof Error ? error.stack : String(error)}\n`)
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`
}
