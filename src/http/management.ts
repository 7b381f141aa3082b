/**
 * The management port: for probes, Prometheus and operators, not for callers. No Graph data passes here.
 *
 * @module
 */

import type { Server } from 'node:http'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import type { Metrics } from '../telemetry/index.ts'
import type { Journey } from './conduct.ts'
import type { Health } from './health.ts'
import { ambiguityOf } from './sanity.ts'
import { createServerFor, type TlsFiles } from './tls.ts'

export interface ManagementOptions {
  readonly health: Health
  readonly metrics: Metrics
  /** Leads whatever is asked of `/cache`. */
  readonly purging: Journey
  readonly tls: TlsFiles | undefined
  /** A fault of ours that no answer could be made of. */
  readonly onFault: (error: unknown) => void
}

export function createManagementServer(options: ManagementOptions): Server {
  const { health, metrics, purging, tls, onFault } = options
  const app: Express = express().disable('x-powered-by').disable('etag').set('query parser', false)

  app.all(/^\/cache(?:\/|$)/i, (request, response) => {
    const ambiguity = ambiguityOf(request)
    // As on the public port: nobody can say where the next request would begin.
    if (ambiguity !== undefined) response.shouldKeepAlive = false
    return purging(request, response, ambiguity)
  })

  app.use((_request, response, next) => {
    response.set({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
    next()
  })

  /** The process answers; whether anything else works is not its question. */
  app.get('/livez', (_request, response) => {
    response.json({ status: 'alive' })
  })
  app.get('/readyz', (_request, response) => {
    const { isReady, degraded } = health
    response.status(isReady ? 200 : 503).json({ status: isReady ? 'ready' : 'unready', degraded })
  })
  app.get('/metrics', async (_request, response) => {
    const { type, text } = await metrics.expose()
    response.set('content-type', type).send(text)
  })
  app.use((_request, response) => {
    const error = 'The management port serves GET /livez, /readyz and /metrics, and DELETE /cache.'
    response.status(404).json({ error })
  })
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    onFault(error)
    response.socket?.destroy()
  })
  return createServerFor(tls, {}, app)
}
