/**
 * What is counted. Labels come from small fixed sets: never a subject, a workspace or a session.
 *
 * @module
 */

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { createRequestTally } from './requests.ts'

export interface Metrics {
  /**
   * One request answered.
   *
   * @param outcome how the cache came by the answer; `none` when it was not asked
   */
  answered(status: number, outcome: string, durationMs: number): void
  /** A request refused, or failed. @param code of the error, as callers get it */
  refused(code: string): void
  /** A request that the parser refused, by Node's error code. */
  unparsable(code: string): void
  /** @param outcome Graph's status, or the RFC 9209 name of what failed */
  graphCalled(outcome: number | string, durationMs: number): void
  /** A call to Graph failed that may be made once more; it is, within the budget for that. */
  retried(isWithinBudget: boolean): void
  exchanged(isSuccess: boolean): void
  /**
   * The app-only token in use from now on.
   *
   * @param expiresAt epoch milliseconds
   * @param needless roles that it has besides the one it needs
   */
  tokenHeld(token: {
    readonly expiresAt: number
    readonly lacksRole: boolean
    readonly needless: number
  }): void
  /** @param skewMs how far our clock is ahead of Entra's */
  clockCompared(skewMs: number): void
  /** @param now epoch milliseconds */
  keysFetched(issuer: string, isSuccess: boolean, now: number): void
  /**
   * A certificate of ours, as it is used from now on.
   *
   * @param setting where the configuration names it
   * @param expiresAt epoch milliseconds
   */
  certificateUsed(setting: string, expiresAt: number): void
  /** @param setting where the configuration names the files */
  certificateReloaded(setting: string, isSuccess: boolean): void
  /** The API server was asked about a token. */
  tokenReviewed(issuer: string, outcome: 'accepted' | 'refused' | 'unavailable'): void
  /** A stale answer has been asked for anew, behind those who got it. */
  refreshed(isSuccess: boolean): void
  purged(scope: 'session' | 'workspace' | 'everything'): void
  /** Requests refused for want of a record, or records lost, as `audit.delivery` says. */
  auditMissed(delivery: 'before-response' | 'best-effort', count: number): void
  /** @param outcome of a question to the shared cache */
  sharedAsked(operation: string, outcome: 'answered' | 'late' | 'failed' | 'skipped' | 'away'): void
  /** A value in the shared cache that is not ours. */
  sharedRefused(why: string): void
  /** How a trip came about, where replicas make one for all. */
  sharedClaimed(how: 'led' | 'followed' | 'alone'): void
  sharedKeysReloaded(isSuccess: boolean): void
  /** Content type and text of the exposition. */
  expose(): Promise<{ readonly type: string; readonly text: string }>
}

/** Read at each scrape. */
export interface Gauges {
  readonly inFlight: () => number
  readonly tokensRemembered: () => number
  readonly connections: () => number
  readonly shed: () => number
  readonly connectionsRefused: () => number
  readonly connectionsCut: () => number
  readonly cacheEntries: () => number
  readonly cacheBytes: () => number
  readonly cacheEvictions: () => number
  readonly tripsInTheAir: () => number
  readonly graphCallsInFlight: () => number
  readonly graphWaiting: () => number
  readonly gateShutSeconds: () => number
  readonly auditPendingBytes: () => number
  readonly auditRecords: () => number
  /** 1 or 0. */
  readonly auditBlocked: () => number
  /** 1 or 0; 0 too where there is none. */
  readonly sharedUp: () => number
  /** 1 or 0. */
  readonly ready: () => number
}

const prefix = 'session_gateway_'
const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export function createMetrics(gauges: Gauges): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> =>
    new Counter({ name: `${prefix}${name}`, help, labelNames, registers })
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[]): Histogram<L> =>
    new Histogram({ name: `${prefix}${name}`, help, labelNames, buckets: latencyBuckets, registers })
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> =>
    new Gauge({ name: `${prefix}${name}`, help, labelNames, registers })

  const tally = createRequestTally({
    registry,
    counter: { name: `${prefix}requests_total`, help: 'Requests answered' },
    histogram: { name: `${prefix}request_duration_seconds`, help: 'Time from a request to its answer' },
    buckets: latencyBuckets,
  })
  const refusals = counter('refusals_total', 'Requests refused or failed, by the code of the error', ['code'])
  const unparsable = counter('unparsable_requests_total', 'Requests that the HTTP parser refused', ['code'])
  const graphCalls = counter('graph_calls_total', 'Calls to Graph, by status or failure', ['outcome'])
  const graphDuration = histogram('graph_call_duration_seconds', 'Time of one call to Graph', [])
  const retries = counter('graph_retries_total', 'Second tries, made or denied by the budget', ['result'])
  const exchanges = counter('token_exchanges_total', 'Exchanges for an app-only token', ['result'])
  const clockSkew = gauge(
    'clock_skew_seconds',
    'How far this clock was ahead of Entra’s (or IMDS’s) at the last exchange; negative: behind',
    [],
  )
  const tokenExpiry = gauge(
    'app_token_expiry_timestamp_seconds',
    'When the app-only token ends; 0: none yet',
    [],
  )
  const roleMissing = gauge(
    'app_token_role_missing',
    'Whether the app-only token lacks the role it needs',
    [],
  )
  const needlessRoles = gauge('app_token_needless_roles', 'Roles that the app-only token does not need', [])
  const keyFetches = counter('issuer_key_fetches_total', 'Fetches of an issuer’s keys', ['issuer', 'result'])
  const keysFetched = gauge(
    'issuer_keys_fetched_timestamp_seconds',
    'When an issuer’s keys were last fetched with success',
    ['issuer'],
  )
  const certificateExpiry = gauge('certificate_expiry_timestamp_seconds', 'When a certificate of ours ends', [
    'setting',
  ])
  const reloadFailing = gauge(
    'reload_failing',
    'Whether what is in use is older than the files, which do not work',
    ['setting'],
  )
  const reviews = counter('token_reviews_total', 'Reviews of callers’ tokens', ['issuer', 'outcome'])
  const certificates = counter('certificate_reloads_total', 'TLS certificate files that changed', ['result'])
  const refreshes = counter('cache_refreshes_total', 'Stale answers asked for anew', ['result'])
  const purges = counter('cache_purges_total', 'Purges', ['scope'])
  const sharedAsked = counter('shared_asked_total', 'Questions to the shared cache', ['operation', 'outcome'])
  const sharedRefused = counter('shared_refused_total', 'Values in the shared cache that are not ours', [
    'why',
  ])
  const sharedTrips = counter('shared_trips_total', 'Trips, as replicas have them in common', ['how'])
  const sharedKeys = counter('shared_key_reloads_total', 'Changes of cache.shared.keysFile', ['result'])
  const auditRefused = counter('audit_refused_total', 'Requests refused for want of a record', [])
  const auditLost = counter('audit_lost_total', 'Records lost, with delivery best-effort', [])
  const countedElsewhere: readonly [name: string, help: string, read: () => number][] = [
    ['requests_shed_total', 'Requests refused for want of time', gauges.shed],
    ['connections_refused_total', 'Connections beyond server.maxConnections', gauges.connectionsRefused],
    ['connections_cut_total', 'Connections whose answer was not taken', gauges.connectionsCut],
    ['cache_evictions_total', 'Entries that had to go for want of room', gauges.cacheEvictions],
    ['audit_records_total', 'Audit records that the sink has taken', gauges.auditRecords],
  ]
  for (const [name, help, read] of countedElsewhere) {
    registry.registerMetric(
      new Counter({
        name: `${prefix}${name}`,
        help,
        registers: [],
        collect() {
          this.reset()
          this.inc(read())
        },
      }),
    )
  }
  const resultOf = (isSuccess: boolean): string => (isSuccess ? 'success' : 'failure')

  const gaugeHelp: readonly [name: string, help: string, read: () => number][] = [
    ['requests_in_flight', 'Requests not answered yet', gauges.inFlight],
    ['caller_tokens_remembered', 'Verified tokens, believed for their minute', gauges.tokensRemembered],
    ['connections', 'Connections of callers', gauges.connections],
    ['cache_entries', 'Entries in the cache', gauges.cacheEntries],
    ['cache_bytes', 'Bytes that the cache counts for its entries', gauges.cacheBytes],
    ['graph_trips_in_flight', 'Trips to Graph under way', gauges.tripsInTheAir],
    ['graph_calls_in_flight', 'Trips that have their turn: with a call under way', gauges.graphCallsInFlight],
    ['graph_waiting', 'Trips that wait for their turn', gauges.graphWaiting],
    ['graph_gate_shut_seconds', 'Time until Graph may be asked again; 0 when it may', gauges.gateShutSeconds],
    ['audit_pending_bytes', 'Audit records that the sink has not taken yet', gauges.auditPendingBytes],
    ['audit_blocked', 'Whether the audit sink takes no records, or not fast enough', gauges.auditBlocked],
    ['shared_up', 'Whether the shared cache is there, and in time', gauges.sharedUp],
    ['ready', 'Whether this replica is ready', gauges.ready],
  ]
  for (const [name, help, read] of gaugeHelp) {
    const readAtScrape: Gauge = new Gauge({
      name: `${prefix}${name}`,
      help,
      registers: [],
      collect: () => readAtScrape.set(read()),
    })
    registry.registerMetric(readAtScrape)
  }

  return {
    answered: tally.answered,
    refused: (code) => refusals.inc({ code }),
    unparsable: (code) => unparsable.inc({ code }),
    graphCalled(outcome, durationMs) {
      graphCalls.inc({ outcome: String(outcome) })
      graphDuration.observe(durationMs / 1000)
    },
    retried: (isWithinBudget) => retries.inc({ result: isWithinBudget ? 'made' : 'denied' }),
    exchanged: (isSuccess) => exchanges.inc({ result: resultOf(isSuccess) }),
    tokenHeld({ expiresAt, lacksRole, needless }) {
      tokenExpiry.set(expiresAt / 1000)
      roleMissing.set(lacksRole ? 1 : 0)
      needlessRoles.set(needless)
    },
    clockCompared: (skewMs) => clockSkew.set(skewMs / 1000),
    keysFetched(issuer, isSuccess, now) {
      keyFetches.inc({ issuer, result: resultOf(isSuccess) })
      if (isSuccess) keysFetched.set({ issuer }, now / 1000)
    },
    certificateUsed: (setting, expiresAt) => certificateExpiry.set({ setting }, expiresAt / 1000),
    certificateReloaded(setting, isSuccess) {
      certificates.inc({ result: resultOf(isSuccess) })
      reloadFailing.set({ setting }, isSuccess ? 0 : 1)
    },
    tokenReviewed: (issuer, outcome) => reviews.inc({ issuer, outcome }),
    refreshed: (isSuccess) => refreshes.inc({ result: resultOf(isSuccess) }),
    purged: (scope) => purges.inc({ scope }),
    auditMissed: (delivery, count) => (delivery === 'best-effort' ? auditLost : auditRefused).inc(count),
    sharedAsked: (operation, outcome) => sharedAsked.inc({ operation, outcome }),
    sharedRefused: (why) => sharedRefused.inc({ why }),
    sharedClaimed: (how) => sharedTrips.inc({ how }),
    sharedKeysReloaded(isSuccess) {
      sharedKeys.inc({ result: resultOf(isSuccess) })
      reloadFailing.set({ setting: 'cache.shared.keysFile' }, isSuccess ? 0 : 1)
    },
    expose: async () => ({ type: registry.contentType, text: await registry.metrics() }),
  }
}
