/**
 * The journey of one read, room by room, in order.
 *
 * @module
 */

import type { IncomingMessage } from 'node:http'
import type { Access } from '../access/index.ts'
import type { Trail } from '../audit/index.ts'
import { type Cache, type Demand, demandOf, NotCached } from '../cache/index.ts'
import type { Callers } from '../callers/index.ts'
import type { Clock } from '../clock.ts'
import type { GraphClient } from '../graph/index.ts'
import {
  graphTarget,
  type OtherRequest,
  ownTarget,
  parseReadRequest,
  sessionKey,
  type SessionRequest,
} from '../session/index.ts'
import type { Flood, Log, Metrics } from '../telemetry/index.ts'
import { type Answer, answerFound, answerPassedOn, type PassingAnswer } from './answer.ts'
import { createConduct, type Journey } from './conduct.ts'
import { type Exchange, outcomeOf } from './exchange.ts'
import { createLinkRewriting } from './link-rewriting.ts'
import { startPassing } from './passing.ts'
import type { PeerOf } from './peer.ts'
import { assertSaneRequest } from './sanity.ts'

export interface Rooms {
  readonly callers: Callers
  /** Property names that `$select` may name. */
  readonly selectable: readonly string[]
  readonly access: Access
  readonly cache: Cache
  readonly graph: GraphClient
  readonly links: Links
  readonly trail: Trail
  readonly clock: Clock
  readonly log: Log
  readonly flood: Flood
  readonly peerOf: PeerOf
  readonly metrics: Metrics
}

/** What is passed on, and where the links in it lead. */
export interface Links {
  /** As in `https://graph.microsoft.com`. */
  readonly graphOrigin: string
  /** Where callers find this gateway, as an origin; where it is not told, what each of them has called it. */
  readonly publicUrl: string | undefined
  /** Whether callers speak TLS to us. */
  readonly isSecure: boolean
  readonly maxStreamedBytes: number
}

export function createJourney(rooms: Rooms): Journey {
  const { callers, selectable, access, cache, graph, trail, metrics } = rooms
  const { graphOrigin, publicUrl, isSecure, maxStreamedBytes } = rooms.links

  async function travel(exchange: Exchange): Promise<Answer | PassingAnswer> {
    // audit: would this be recorded? Nothing is done for what would not.
    trail.admit()

    // http: a sane request?
    const { request } = exchange
    assertSaneRequest(request)

    // callers: whose token is this?
    const caller = await callers.identify(request.headers.authorization)
    exchange.caller = caller

    // session: what exactly is asked?
    const asked = parseReadRequest(request.url ?? '', selectable)
    exchange.asked = asked

    // access: may this caller read this?
    const { rule, mayBypassCache } = access.decide(caller, asked)
    exchange.rule = rule

    const demand = demandOf(request.headers['cache-control'], mayBypassCache)
    return asked.read === 'session'
      ? await fromCache(exchange, asked, demand)
      : await passedOn(exchange, asked, demand)
  }

  async function fromCache(exchange: Exchange, asked: SessionRequest, demand: Demand): Promise<Answer> {
    // cache: have we a usable answer? flights: if not, one trip. graph, token: the trip.
    const question = { target: graphTarget(asked), sessionId: asked.sessionId, select: asked.select }
    const found = await cache.read({
      key: sessionKey(asked),
      demand,
      leaves: exchange.leaves,
      fetch: (flight, validator) => graph.readSession({ ...question, validator }, flight),
    })
    exchange.found = found

    return answerFound(exchange, found)
  }

  async function passedOn(
    exchange: Exchange,
    asked: OtherRequest,
    demand: Demand,
  ): Promise<Answer | PassingAnswer> {
    if (demand.onlyIfCached === true) throw new NotCached()

    // graph, token: the trip, for this caller alone; what it brings is passed on as it comes.
    const { leaves } = exchange
    const boarding = { cancelled: leaves, isAwaited: true, departs() {} }
    const passed = await graph.passOn(graphTarget(asked), boarding).catch((error: unknown) => {
      leaves.throwIfAborted()
      throw error
    })
    exchange.passed = passed
    const { body } = passed
    const links = createLinkRewriting(linkFor(exchange.request))
    const passing = body && (await startPassing(body, { links, maxBytes: maxStreamedBytes, leaves }))

    return answerPassedOn(exchange, passed, passing)
  }

  /** A next page is where this one was: at the address under which this caller knows us. */
  function linkFor({ headers }: IncomingMessage): (link: string) => string | undefined {
    const origin = publicUrl ?? `${isSecure ? 'https' : 'http'}://${headers.host}`
    return (link) => {
      const target = ownTarget(link, graphOrigin)
      return target === undefined ? undefined : `${origin}${target}`
    }
  }

  // audit: the record is handed over, and then, and only then, the answer leaves.
  return createConduct({
    ...rooms,
    action: 'read',
    travel,
    answered(exchange, status) {
      if (exchange.refusal !== undefined) metrics.refused(exchange.refusal.code)
      metrics.answered(status, outcomeOf(exchange) ?? 'none', performance.now() - exchange.startedAt)
    },
  })
}
