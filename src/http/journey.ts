/**
 * The journey of one read, room by room, in order.
 *
 * @module
 */

import type { Access } from '../access/index.ts'
import type { Trail } from '../audit/index.ts'
import { type Cache, demandOf } from '../cache/index.ts'
import type { Callers } from '../callers/index.ts'
import type { Clock } from '../clock.ts'
import type { GraphClient } from '../graph/index.ts'
import { graphTarget, parseSessionRequest, sessionKey, sessionKeys } from '../session/index.ts'
import type { Flood, Log, Metrics } from '../telemetry/index.ts'
import { type Answer, answerFound } from './answer.ts'
import { createConduct, type Journey } from './conduct.ts'
import type { Exchange } from './exchange.ts'
import type { PeerOf } from './peer.ts'
import { assertSaneRequest } from './sanity.ts'

export interface Rooms {
  readonly callers: Callers
  /** Property names that `$select` may name. */
  readonly selectable: readonly string[]
  readonly access: Access
  readonly cache: Cache
  readonly graph: GraphClient
  readonly trail: Trail
  readonly clock: Clock
  readonly log: Log
  readonly flood: Flood
  readonly peerOf: PeerOf
  readonly metrics: Metrics
}

export function createJourney(rooms: Rooms): Journey {
  const { callers, selectable, access, cache, graph, trail, metrics } = rooms

  async function travel(exchange: Exchange): Promise<Answer> {
    // audit: would this be recorded? Nothing is done for what would not.
    trail.admit()

    // http: a sane request?
    const { request, leaves } = exchange
    assertSaneRequest(request)

    // callers: whose token is this?
    const caller = await callers.identify(request.headers.authorization)
    exchange.caller = caller

    // session: what exactly is asked?
    const asked = parseSessionRequest(request.url ?? '', selectable)
    exchange.asked = asked

    // access: may this caller read this?
    const { rule, mayBypassCache } = access.decide(caller, asked)
    exchange.rule = rule

    // cache: have we a usable answer? flights: if not, one trip. graph, token: the trip.
    const question = { target: graphTarget(asked), sessionId: asked.sessionId, select: asked.select }
    const found = await cache.read({
      key: sessionKey(asked),
      related: () => sessionKeys(asked, selectable),
      demand: demandOf(request.headers['cache-control'], mayBypassCache),
      leaves,
      fetch: (flight, validator) => graph.readSession({ ...question, validator }, flight),
    })
    exchange.found = found

    return answerFound(exchange, found)
  }

  // audit: the record is handed over, and then, and only then, the answer leaves.
  return createConduct({
    ...rooms,
    action: 'read',
    travel,
    answered({ found, startedAt }, status) {
      metrics.answered(status, found?.how ?? 'none', performance.now() - startedAt)
    },
  })
}
