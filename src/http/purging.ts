/**
 * The journey of a purge: the same rooms in the same order, for callers whose rule has `admin: [purge]`.
 *
 * It is done before it is recorded: an answer of 503 because the record cannot be handed over takes nothing back, and
 * asking again does no harm.
 *
 * @module
 */

import type { Scope } from '../cache/index.ts'
import { parsePurgeRequest, type PurgeRequest, sessionKey } from '../session/index.ts'
import { type Answer, answerJson } from './answer.ts'
import { createConduct, type Journey } from './conduct.ts'
import { MethodNotAllowed } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { Rooms } from './journey.ts'

export function createPurging(rooms: Omit<Rooms, 'graph' | 'links'>): Journey {
  const { callers, access, cache, log, metrics } = rooms

  async function travel(exchange: Exchange): Promise<Answer> {
    const { request, requestId } = exchange
    if (request.method !== 'DELETE')
      throw new MethodNotAllowed('DELETE', 'What is cached can be purged: use DELETE.')
    const caller = await callers.identify(request.headers.authorization)
    exchange.caller = caller
    const asked = parsePurgeRequest(request.url ?? '')
    exchange.asked = asked
    const { rule } = access.decidePurge(caller, asked.workspaceId)
    exchange.rule = rule

    const telling = cache.purge(scopeOf(asked))
    const { workspaceId, sessionId } = asked
    const scope = workspaceId === null ? 'everything' : sessionId === null ? 'workspace' : 'session'
    metrics.purged(scope)
    await telling
    log.info({ requestId, scope, rule }, 'purged')
    return answerJson(exchange, 200, { purged: scope, workspaceId, sessionId })
  }

  function scopeOf({ workspaceId, sessionId }: PurgeRequest): Scope {
    if (workspaceId === null) return 'everything'
    if (sessionId === null) return { group: workspaceId }
    return { resource: sessionKey({ workspaceId, sessionId, select: null }) }
  }

  return createConduct({ ...rooms, action: 'purge', travel, answered() {} })
}
