/**
 * The composition root: from a configuration to a gateway that listens, drains and stops.
 *
 * Every part is made here and handed what it needs; whatever has to be ended is ended in reverse order.
 *
 * @module
 */

import type { AddressInfo } from 'node:net'
import type { Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { createAccess } from './access/index.ts'
import { createTimeline } from './cache/index.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Config } from './config/index.ts'
import { createGate, createGraphClient, createLine, createRetryBudget } from './graph/index.ts'
import {
  createConnections,
  createHealth,
  createJourney,
  createManagementServer,
  createPeerOf,
  createPublicServer,
  createPurging,
  createShedding,
  listen,
} from './http/index.ts'
import { createLinkLocal } from './outbound/index.ts'
import { cacheFor, callersFor, degradations, tlsFor, tokensFor, trailFor } from './parts.ts'
import { type Environment, outboundFor } from './reach.ts'
import type { Sharing, SharingOptions } from './sharing.ts'
import { createFlood, createMetrics, type Log, type Metrics } from './telemetry/index.ts'
import { roleMissingRemedy } from './token/index.ts'

export interface Gateway extends AsyncDisposable {
  /** Where callers connect. */
  readonly address: AddressInfo
  readonly managementAddress: AddressInfo
  /** Becomes unready, goes on for `drain.delay`, finishes what has been asked, flushes the trail, stops. */
  drain(): Promise<void>
  /** Resolves when it can never answer again, with why: what is left is to drain, and to start anew. */
  readonly lost: Promise<string>
  /** The file of audit records has been moved away: a new one is begun. */
  reopenAudit(): Promise<void>
  /** Stops at once. */
  [Symbol.asyncDispose](): Promise<void>
}

export interface Surroundings {
  readonly log: Log
  /** Where audit records go, unless the configuration names a file. */
  readonly stdout: Writable
  /** Of this program; every record names it. */
  readonly version: string
  readonly env: Environment
  readonly clock?: Clock
  /** 0 ≤ n < 1. */
  readonly random?: () => number
}

const drainPollMs = 20
/** How long a request may have been on its way to us when the last answer before it left. */
const lingerMs = 500
/** How long the last records may take; a sink that is stuck has had its time. */
const lastRecordsMs = 1_000

/** @throws {StartFailure} a file cannot be read, or an address cannot be listened on */
export async function startGateway(config: Config, surroundings: Surroundings): Promise<Gateway> {
  const { log, clock = systemClock, random = Math.random } = surroundings
  await using starting = new AsyncDisposableStack()

  const connections = createConnections({
    most: config.server.maxConnections,
    maxAgeMs: config.server.connectionMaxAge,
    clock,
    random,
  })
  const peerOf = createPeerOf(config.server.trustedProxies)
  const flood = createFlood(log, clock)
  const outbound = await outboundFor(config, clock)
  starting.defer(() => outbound.close())
  const linkLocal = createLinkLocal(clock)
  starting.defer(() => linkLocal.close())
  const gate = createGate(clock.monotonic, (forMs) => sharing?.tier.shutGate(forMs))
  const line = createLine({
    gate,
    clock,
    mostAtOnce: config.graph.maxConcurrent,
    mostWaiting: config.graph.maxWaiting,
  })
  const passingLine = createLine({
    gate,
    clock,
    mostAtOnce: config.graph.maxStreams,
    mostWaiting: config.graph.maxWaiting,
  })
  const metrics: Metrics = createMetrics({
    tokensRemembered: () => callers.remembered,
    inFlight: () => connections.waiting,
    connections: () => connections.count,
    connectionsRefused: () => connections.refused,
    connectionsCut: () => connections.cut,
    shed: () => shedding.refused,
    cacheEntries: () => cache.store.entries,
    cacheBytes: () => cache.store.bytes,
    cacheEvictions: () => cache.store.evicted,
    tripsInTheAir: () => cache.inTheAir,
    graphCallsInFlight: () => line.underWay + passingLine.underWay,
    graphWaiting: () => line.waiting + passingLine.waiting,
    gateShutSeconds: () => gate.shutForMs / 1000,
    auditPendingBytes: () => trail.pendingBytes,
    auditRecords: () => trail.taken,
    auditBlocked: () => (trail.problem === undefined ? 0 : 1),
    sharedUp: () => (sharing?.tier.isUp === true ? 1 : 0),
    ready: () => (health.isReady ? 1 : 0),
  })

  const trail = await trailFor(config, { ...surroundings, clock, metrics })
  // Last of all: whatever ends before it may still have something to record.
  starting.defer(() => Promise.race([trail.close(), pause(clock, lastRecordsMs)]))

  const timeline = createTimeline(clock)
  const sharing = await sharingWhere(config, {
    gate,
    clock,
    timeline,
    random,
    log,
    metrics,
    outbound,
    linkLocal,
  })
  starting.defer(() => sharing?.close())
  const cache = cacheFor(config, { shared: sharing?.tier, clock, timeline, random, log, metrics })
  starting.defer(() => cache.close())
  const tls = await tlsFor(config.server.tls, 'server.tls', { clock, log, metrics })
  starting.defer(() => tls?.close())
  const { management: managementConfig } = config.server
  const managementTls = await tlsFor(managementConfig.tls, 'server.management.tls', { clock, log, metrics })
  starting.defer(() => managementTls?.close())

  const tokens = tokensFor(config, { outbound, linkLocal, clock, random, log, metrics })
  starting.defer(() => tokens.close())
  const graph = createGraphClient({
    origin: config.graph.endpoint,
    deadlineMs: config.graph.deadline,
    maxBodyBytes: config.graph.maxBody,
    outbound,
    tokens,
    line,
    passingLine,
    retries: createRetryBudget(),
    clock,
    observer: {
      retried: (isWithinBudget) => metrics.retried(isWithinBudget),
      called: (outcome, _trip, durationMs) => metrics.graphCalled(outcome, durationMs),
      roleMissing(trip) {
        if (!flood.admits('error', 'roleMissing')) return
        log.error({ ...trip }, roleMissingRemedy(config.identity))
      },
    },
  })
  const callers = callersFor(config.issuers, { outbound, clock, log, metrics, env: surroundings.env })
  starting.defer(() => callers.close())
  const access = createAccess(config.access, clock.monotonic)

  const health = createHealth({
    canServe: () => tokens.state !== 'none' && callers.canVerify,
    auditProblem: () => trail.problem,
    needsAudit: config.audit.delivery === 'before-response',
    degraded: () => degradations({ tokens, callers, gate, sharing, tls, managementTls }),
    startupGraceMs: config.server.startupGrace,
    now: clock.monotonic,
  })
  const { selectable } = config.graph
  const onFault = (error: unknown): void => {
    if (flood.admits('error', 'fault')) log.error({ err: error }, 'a request met a fault of the gateway')
  }
  const said = { log, flood, metrics, onFault }
  const rooms = { callers, selectable, access, cache, graph, trail, clock, peerOf, ...said }
  const links = {
    graphOrigin: config.graph.endpoint,
    publicUrl: config.server.publicUrl,
    isSecure: tls !== undefined,
    maxStreamedBytes: config.graph.maxStreamed,
  }

  const shedding = createShedding({ trail, clock, log, flood, peerOf, leaving: connections.leaving })
  const publicServer = createPublicServer({
    journey: createJourney({ ...rooms, links }),
    tls,
    connections,
    shedding,
    onUnparsable(code, requestId) {
      metrics.unparsable(code)
      if (flood.admits('info', code)) log.info({ requestId, code }, 'request unreadable')
    },
    onFault,
  })
  const management = createManagementServer({
    health,
    metrics,
    purging: createPurging({ ...rooms, peerOf: createPeerOf([]) }),
    tls: managementTls,
    clock,
    described: { ...links, selectable, version: surroundings.version },
    onFault,
  })
  // After the servers have ended and before the way out does: a request that was cut is recorded as that.
  starting.defer(() => Promise.race([publicServer.settled(), pause(clock, lastRecordsMs)]))

  const { address: managementAddress } = starting.use(
    await listen(management.server, { ...managementConfig.listen, key: 'server.management.listen' }),
  )
  const { address } = starting.use(
    await listen(publicServer.server, { ...config.server.listen, key: 'server.listen' }),
  )
  trail.open()
  const running = starting.move()

  async function drain(): Promise<void> {
    const until = clock.monotonic() + config.server.drain.timeout
    health.drain()
    await pause(clock, config.server.drain.delay)
    publicServer.close()
    const lingersUntil = Math.min(until, clock.monotonic() + lingerMs)
    while (connections.count > 0 && clock.monotonic() < lingersUntil) await pause(clock, drainPollMs)
    // Whatever has come while the process was held up is read before anything is called idle.
    await turn()
    connections.endIdle()
    const inFlight = (): number => connections.waiting + management.inFlight
    while (inFlight() > 0 && clock.monotonic() < until) await pause(clock, drainPollMs)
    if (inFlight() > 0) {
      log.warn({ cut: inFlight() }, 'server.drain.timeout is over: requests are being cut')
    }
    await running.disposeAsync()
  }

  return {
    address,
    managementAddress,
    drain,
    lost: trail.gone.then((why) => `the audit sink is gone: ${why}`),
    reopenAudit: () => trail.reopen(),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Where replicas share nothing, the Redis client is not loaded. */
async function sharingWhere(config: Config, options: SharingOptions): Promise<Sharing | undefined> {
  const { shared } = config.cache
  if (shared === undefined) return undefined
  const { sharingFor } = await import('./sharing.ts')
  return sharingFor(config, shared, options)
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve))
}
