/**
 * One way through http-proxy-middleware. It is loaded by the first who passes something on: most gateways never do, and no
 * start is to wait for it.
 *
 * The middleware is never shown the caller's request, nor its response. By itself it would copy every header, the body
 * and the method of the one, and write whatever comes to the other; so it is given a request of our own making (`GET`,
 * our headers, no body) and a response that leads nowhere, and what it gets from Graph is taken from it here
 * (docs/decisions/0020-pass-through.md).
 *
 * @module
 */

import { IncomingMessage, ServerResponse } from 'node:http'
import type { Agent } from 'node:https'
import { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { createProxyMiddleware } from 'http-proxy-middleware'

export interface LaneRequest {
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** @returns the head of Graph's answer, whose body is still to be read or destroyed */
export type Lane = (request: LaneRequest) => Promise<IncomingMessage>

/** Neither of them is on a connection. */
const nowhere = new Socket()

export function createLane(origin: string, agent: Agent): Lane {
  interface Waiting {
    answered(response: IncomingMessage): void
    failed(error: unknown): void
  }
  const waiting = new WeakMap<IncomingMessage, Waiting>()
  const proxy = createProxyMiddleware({
    target: origin,
    changeOrigin: true,
    agent,
    selfHandleResponse: true,
    // Its own ones log, and answer errors in words that name the target.
    ejectPlugins: true,
    // The options are copied for each request, and with that this is read anew.
    get buffer() {
      return Readable.from([])
    },
    plugins: [
      (server) => {
        server.on('proxyReq', (asked, request) => {
          // After an answer, or an error, it says nothing new; after a 101 it is all that comes.
          asked.once('close', () => waiting.get(request)?.failed(new Error('closed')))
        })
        server.on('proxyRes', (response, request) => waiting.get(request)?.answered(response))
        // Also told what becomes of an answer later, which whoever reads it sees by themselves.
        server.on('error', (error, request) => {
          if (request !== undefined) waiting.get(request)?.failed(error)
        })
      },
    ],
  })

  return ({ target, headers, signal }) => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const request = new IncomingMessage(nowhere)
    request.method = 'GET'
    request.url = target
    request.headers = { ...headers }
    const response = new ServerResponse(request)
    waiting.set(request, { answered: resolve, failed: reject })
    signal.addEventListener(
      'abort',
      () => {
        // What the middleware takes for a caller who has left: it destroys its request.
        response.emit('close')
        reject(signal.reason)
      },
      { once: true },
    )
    void proxy(request, response, reject)
    return promise
  }
}
