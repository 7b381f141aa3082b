/**
 * The management port: for probes and Prometheus, not for callers. No Graph data passes here.
 *
 * @module
 */

import { createServer, type Server } from 'node:http'
import express from 'express'
import type { Metrics } from '../telemetry/index.ts'
import type { Health } from './health.ts'

export interface ManagementOptions {
  readonly health: Health
  readonly metrics: Metrics
}

export function createManagementServer({ health, metrics }: ManagementOptions): Server {
  const app = express().disable('x-powered-by').disable('etag').set('query parser', false)
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
    response.status(404).json({ error: 'The management port serves GET /livez, /readyz and /metrics.' })
  })
  return createServer(app)
}
