/**
 * The parts that take more than a line to make from the configuration: the token, the cache, the callers, TLS. What
 * happens in them is bound here to the log and the metrics, so that the rooms themselves know neither.
 *
 * @module
 */

import { X509Certificate } from 'node:crypto'
import type { Writable } from 'node:stream'
import { getHeapStatistics } from 'node:v8'
import { openTrail, type Trail } from './audit/index.ts'
import { type Cache, createCache, createMemoryStore, type SharedTier } from './cache/index.ts'
import { type Callers, createCallers, type TrustedIssuer } from './callers/index.ts'
import type { Clock } from './clock.ts'
import { StartFailure } from './errors.ts'
import type { Config, IssuerConfig } from './config/index.ts'
import type { Gate } from './graph/index.ts'
import { type TlsFiles, type TlsPair, watchTlsFiles } from './http/index.ts'
import type { LinkLocal, Outbound } from './outbound/index.ts'
import { exchangeFor, type KeyedIssuerConfig, keysFor, reviewsFor, type Surroundings } from './reach.ts'
import { sessionKeys } from './session/index.ts'
import type { Sharing } from './sharing.ts'
import type { Log, Metrics } from './telemetry/index.ts'
import {
  createClockReports,
  createRoleReports,
  createTokenProvider,
  neededRole,
  type Report,
  type TokenProvider,
} from './token/index.ts'

interface Tools {
  readonly outbound: Outbound
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

export function tokensFor(
  config: Config,
  {
    outbound,
    linkLocal,
    clock,
    log,
    metrics,
    random,
  }: Tools & { linkLocal: LinkLocal; random: () => number },
): TokenProvider {
  const rolesOf = createRoleReports(config.identity, clock.monotonic)
  const clockOf = createClockReports(config.identity.credential.type === 'managed' ? 'IMDS' : 'Entra')
  const tell = ({ level, fields, message }: Report): void => log[level](fields, message)
  const exchange = exchangeFor(config, {
    outbound,
    linkLocal,
    clock,
    certificateUsed: (expiresAt) => metrics.certificateUsed('identity.credential', expiresAt),
    clockCompared(skewMs) {
      metrics.clockCompared(skewMs)
      const report = clockOf(skewMs)
      if (report !== undefined) tell(report)
    },
  })
  const provider = createTokenProvider({
    exchange,
    clock,
    random,
    observer: {
      exchanged(token) {
        metrics.exchanged(true)
        const lacksRole = !token.roles.includes(neededRole)
        const needless = new Set(token.roles).size - (lacksRole ? 0 : 1)
        metrics.tokenHeld({ expiresAt: token.expiresAt, lacksRole, needless })
        const expires = new Date(token.expiresAt).toISOString()
        // One without the role is replaced every minute, and that is told as what it is.
        if (!lacksRole) log.info({ expires }, 'new app-only token')
        rolesOf(token.roles).forEach(tell)
      },
      failed(failure, retryInMs) {
        metrics.exchanged(false)
        log.error({ retryInMs: Math.round(retryInMs) }, `no new app-only token: ${failure.message}`)
      },
    },
  })
  // The first one is fetched before anybody asks; what goes wrong with it is told to the observer.
  provider.get().catch(() => {})
  return provider
}

const mebibyte = 2 ** 20

/** Why Node's heap has no room for such a cache, if it has none. */
export function heapProblem(memory: number): string | undefined {
  const heapBytes = getHeapStatistics().heap_size_limit
  if (memory <= heapBytes / 2) return undefined
  return (
    `${Math.ceil(memory / mebibyte)} MiB is more than half of what Node's heap may take ` +
    `(${Math.floor(heapBytes / mebibyte)} MiB). Give it less, or the container more; outside one the heap: ` +
    `NODE_OPTIONS=--max-old-space-size=${Math.ceil((2 * memory) / mebibyte)}`
  )
}

/** @throws {StartFailure} the cache may take more than Node's heap has room for */
export function cacheFor(
  { cache: { memory, ...windows }, graph: { selectable } }: Config,
  {
    shared,
    clock,
    timeline,
    random,
    log,
    metrics,
  }: Omit<Tools, 'outbound'> & {
    readonly shared: SharedTier | undefined
    readonly timeline: () => number
    readonly random: () => number
  },
): Cache {
  const problem = heapProblem(memory)
  if (problem !== undefined) throw new StartFailure(`cache.memory: ${problem}`)
  return createCache({
    store: createMemoryStore(memory),
    shared,
    windows: {
      freshForMs: windows.freshFor,
      staleWhileRevalidateMs: windows.staleWhileRevalidate,
      staleIfErrorMs: windows.staleIfError,
      maxRetentionMs: windows.maxRetention,
      notFoundForMs: windows.notFoundFor,
      jitter: windows.jitter,
    },
    clock,
    timeline,
    random,
    keysOf: (resource) => sessionKeys(resource, selectable),
    observer: {
      refreshed: (isSuccess) => metrics.refreshed(isSuccess),
      failedBehind({ code, reason, backOffMs, receivedStatus }) {
        // What never got as far as Graph (the gate is shut, there is no token) is told where it comes from.
        if (backOffMs === undefined && receivedStatus === undefined) return
        log.warn({ code, reason }, 'Graph failed where an older answer is at hand')
      },
    },
  })
}

export function trailFor(
  { audit, identity: { tenantId } }: Config,
  { stdout, version, clock, log, metrics }: Omit<Tools, 'outbound'> & { stdout: Writable; version: string },
): Promise<Trail> {
  return openTrail(audit, {
    stdout,
    version,
    tenantId,
    clock,
    observer: {
      failing: (reason) => log.error({ reason }, 'the audit sink fails'),
      blocked: (reason) => log.error({ reason }, 'records cannot be written: see audit.delivery'),
      flowing: (missed) => log.warn({ missed }, 'records are written again'),
      missed: (count) => metrics.auditMissed(audit.delivery, count),
      head: (head) => log.info({ ...head }, 'audit chain head'),
    },
  })
}

export function callersFor(
  configured: readonly IssuerConfig[],
  {
    log,
    metrics,
    ...surroundings
  }: Surroundings & { readonly log: Log; readonly metrics: Pick<Metrics, 'keysFetched' | 'tokenReviewed'> },
): Callers {
  function trusted(issuer: KeyedIssuerConfig): TrustedIssuer {
    const { name } = issuer
    const keys = keysFor(issuer, {
      ...surroundings,
      observer(problem, change) {
        metrics.keysFetched(name, problem === undefined, surroundings.clock.now())
        if (problem !== undefined)
          log.error({ issuer: name }, `the issuer's keys could not be fetched: ${problem}`)
        else if (change !== undefined) log.info({ issuer: name, ...change }, 'new issuer keys')
      },
    })
    const reviews = reviewsFor(issuer, surroundings, {
      reviewed: (outcome) => metrics.tokenReviewed(name, outcome),
      changed(problem) {
        if (problem === undefined) log.info({ issuer: name }, 'tokens are reviewed again')
        else log.error({ issuer: name }, `tokens cannot be reviewed: ${problem}`)
      },
    })
    return {
      iss: issuer.issuer,
      keys,
      reviews,
      demands: {
        name,
        audience: issuer.audience,
        clockToleranceMs: issuer.clockTolerance,
        subject: issuer.type === 'oidc' ? { claim: issuer.subject } : 'kubernetes',
        require: issuer.type === 'oidc' ? issuer.require : {},
      },
    }
  }

  const anonymous = configured.find((issuer) => issuer.type === 'anonymous')
  return createCallers({
    issuers: configured.filter((issuer) => issuer.type !== 'anonymous').map(trusted),
    anonymous: anonymous && { issuer: anonymous.name, subject: anonymous.subject },
    clock: surroundings.clock,
  })
}

/** @param key where `tls` stands in the configuration */
export async function tlsFor(
  tls: Config['server']['tls'],
  key: string,
  { clock, log, metrics }: Omit<Tools, 'outbound'>,
): Promise<TlsFiles | undefined> {
  if (tls === 'off') return undefined
  const files = await watchTlsFiles({
    ...tls,
    key,
    clock,
    observer(problem) {
      metrics.certificateReloaded(key, problem === undefined)
      if (problem === undefined) log.info(`${key}: new certificate`)
      else log.error(`${key}: the new files are not used: ${problem}`)
    },
  })
  const used = ({ cert }: TlsPair): void =>
    metrics.certificateUsed(key, new X509Certificate(cert).validToDate.getTime())
  files.onChange(used)
  used(files.current)
  return files
}

/** What works less well than it should, in a few words each. */
export function degradations(parts: {
  tokens: TokenProvider
  callers: Callers
  gate: Gate
  sharing: Sharing | undefined
  tls: TlsFiles | undefined
  managementTls: TlsFiles | undefined
}): string[] {
  const { tokens, callers, gate, sharing, tls, managementTls } = parts
  return [
    ...(tokens.state === 'valid' ? [] : [`token: ${tokens.state}`]),
    ...callers.problems,
    ...(gate.isShut ? ['graph: not to be asked just now'] : []),
    ...(sharing?.problems ?? []),
    ...(tls?.problem === undefined ? [] : ['server.tls: the new files do not work']),
    ...(managementTls?.problem === undefined ? [] : ['server.management.tls: the new files do not work']),
  ]
}
