/**
 * What a team would write by itself: Express with a memo of tokens, a cache, and a line of log a request. Arguments: a port,
 * the origin, the issuer, its audience, its keys as JSON.
 */

import express, { type Request, type Response } from 'express'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import { pino } from 'pino'
import { keepTicksQuick } from '../../src/ticks.ts'

keepTicksQuick()
const [port = '', origin = '', issuer = '', audience = '', keys = ''] = process.argv.slice(2)
const keyFor = createLocalJWKSet(JSON.parse(keys) as JSONWebKeySet)
const callers = new LRUCache<string, { readonly subject: string; readonly until: number }>({ max: 10_000 })
const sessions = new LRUCache<string, string>({ max: 10_000, ttl: 3_600_000 })
// Lines leave together, and no answer waits for its own.
const log = pino(pino.destination({ dest: 1, sync: false, minLength: 4_096 }))

async function subjectOf(authorization = ''): Promise<string | undefined> {
  const known = callers.get(authorization)
  if (known !== undefined && Date.now() < known.until) return known.subject
  try {
    const token = authorization.slice('Bearer '.length)
    const { payload } = await jwtVerify(token, keyFor, { issuer, audience, requiredClaims: ['exp', 'sub'] })
    const { sub = '', exp = 0 } = payload
    callers.set(authorization, { subject: sub, until: exp * 1000 })
    return sub
  } catch {
    return undefined
  }
}

interface Asked {
  readonly workspace: string
  readonly session: string
}

async function answer(request: Request<Asked>, response: Response): Promise<void> {
  const begunAt = performance.now()
  const subject = await subjectOf(request.headers.authorization)
  if (subject === undefined) {
    response.sendStatus(401)
    return
  }
  if (request.params.workspace !== 'default') {
    response.sendStatus(403)
    return
  }
  let session = sessions.get(request.path)
  const isHit = session !== undefined
  if (session === undefined) {
    const found = await fetch(`${origin}${request.path}`)
    session = await found.text()
    if (found.ok) sessions.set(request.path, session)
  }
  response.type('json').send(session)
  log.info({ subject, ...request.params, isHit, ms: performance.now() - begunAt }, 'read')
}

const app = express()
app.disable('x-powered-by')
// oxlint-disable-next-line oxc/no-async-endpoint-handlers -- Express 5 sees to what it throws
app.get('/beta/security/securityCopilot/workspaces/:workspace/sessions/:session', answer)
app.listen(Number(port), '127.0.0.1')
process.once('SIGTERM', () => process.exit(0))
