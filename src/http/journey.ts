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
  createCanonicalReader,
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
  /** A fault of ours that no answer could be made of. */
  readonly onFault: (error: unknown) => void
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
  const readCanonical = createCanonicalReader(selectable)
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

  /**
   * The short way of a fresh hit: the same rooms in the same order, each as far as it has its answer at hand. Until all of
   * them have, nothing is done that the long way would do again.
   */
  function travelAtOnce(exchange: Exchange): Answer | undefined {
    // audit: would this be recorded?
    if (!trail.admits) return undefined

    // http: a sane request? Of any other than the plainest the long way has to say.
    const { method, url = '', headers } = exchange.request
    if (method !== 'GET' || headers['cache-control'] !== undefined) return undefined

    // callers: whose token is this?
    const caller = callers.atHand(headers.authorization)
    if (caller === undefined) return undefined

    // session: what exactly is asked? What is written in the canonical form is sane, too.
    const asked = readCanonical(url)
    if (asked === undefined) return undefined

    // access: may this caller read this?
    const permit = access.permitted(caller, asked)
    if (permit === undefined) return undefined

    // cache: have we a fresh answer?
    const found = cache.fresh(sessionKey(asked))
    if (found === undefined) return undefined

    exchange.caller = caller
    exchange.asked = asked
    permit.use(caller)
    exchange.rule = permit.rule
    exchange.found = found
    return answerFound(exchange, found)
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
    travelAtOnce,
    answered(exchange, status) {
      if (exchange.refusal !== undefined) metrics.refused(exchange.refusal.code)
      metrics.answered(status, outcomeOf(exchange) ?? 'none', exchange.durationMs)
    },
  })
}
