/**
 * The management port: for probes, Prometheus and operators, not for callers. No Graph data passes here.
 *
 * @module
 */

import type { Server, ServerResponse } from 'node:http'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import type { Metrics } from '../telemetry/index.ts'
import type { Clock } from '../clock.ts'
import type { Journey } from './conduct.ts'
import { createConnections, limits } from './connections.ts'
import type { Health } from './health.ts'
import { type Described, openApiDocument } from './openapi/index.ts'
import { ambiguityOf } from './sanity.ts'
import { createServerFor, type TlsFiles } from './tls.ts'

export interface ManagementOptions {
  readonly health: Health
  readonly metrics: Metrics
  /** Leads whatever is asked of `/cache`. */
  readonly purging: Journey
  readonly tls: TlsFiles | undefined
  readonly clock: Clock
  /** What `GET /openapi.json` answers. */
  readonly described: Described
  /** A fault of ours that no answer could be made of. */
  readonly onFault: (error: unknown) => void
}

export interface ManagementServer {
  readonly server: Server
  /** Purges that have not been answered yet. */
  readonly inFlight: number
}

/** Probes, a Prometheus or two and an operator; whoever else connects shall not take the process's descriptors. */
const mostConnections = 256

export function createManagementServer(options: ManagementOptions): ManagementServer {
  const { health, metrics, purging, tls, clock, described, onFault } = options
  const app: Express = express()
    .disable('x-powered-by')
    .disable('etag')
    .set('query parser', false)
    .enable('strict routing')
    .enable('case sensitive routing')
  const connections = createConnections({ most: mostConnections, clock })
  const open = new Set<ServerResponse>()

  app.all(/^\/cache(?:\/|$)/i, (request, response) => {
    open.add(response)
    response.once('close', () => open.delete(response))
    const { leaving } = connections
    return purging.lead(request, response, { refused: ambiguityOf(request), waitedMs: 0, leaving })
  })

  app.use((request, response, next) => {
    // Nothing here may be kept, and so nothing is unchanged; to `*` Express would answer an empty 304 all the same.
    delete request.headers['if-none-match']
    response.set({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
    next()
  })

  /** The process answers; whether anything else works is not its question. */
  app.get('/livez', (_request, response) => {
    tell(response, { status: 'alive' })
  })
  app.get('/readyz', (_request, response) => {
    const { isReady, degraded } = health
    tell(response.status(isReady ? 200 : 503), { status: isReady ? 'ready' : 'unready', degraded })
  })
  app.get('/metrics', async (_request, response) => {
    const { type, text } = await metrics.expose()
    response.set('content-type', type).send(text)
  })
  let document: string | undefined
  app.get('/openapi.json', (_request, response) => {
    document ??= JSON.stringify(openApiDocument(described))
    response.type('json').send(document)
  })
  app.use((_request, response) => {
    const error =
      'The management port serves GET /livez, /readyz, /metrics and /openapi.json, and DELETE /cache.'
    tell(response.status(404), { error })
  })
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    onFault(error)
    response.socket?.destroy()
  })

  const server = createServerFor(tls, limits, (request, response) => {
    const { socket } = request
    if (!connections.take(socket, response)) return
    // Nobody can say where the next request would begin; and of an upgrade Node has passed over what came with it, and
    // would read on in the middle of it.
    if (ambiguityOf(request) !== undefined || request.headers.upgrade !== undefined) {
      connections.endAfter(socket, response)
    }
    app(request, response)
  })
  connections.attach(server)
  return {
    server,
    get inFlight() {
      return open.size
    },
  }
}

/** Express's own `json` looks each type up in a list of all there are, which the first probe would wait for. */
function tell(response: Response, value: object): void {
  response.setHeader('content-type', 'application/json; charset=utf-8').end(JSON.stringify(value))
}
