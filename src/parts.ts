/**
 * The parts that take more than a line to make from the configuration: the way out, the token, the callers, TLS. What
 * happens in them is bound here to the log and the metrics, so that the rooms themselves know neither.
 *
 * @module
 */

import type { Writable } from 'node:stream'
import { getHeapStatistics } from 'node:v8'
import { openTrail, type Trail } from './audit/index.ts'
import { type Cache, createCache, createMemoryStore } from './cache/index.ts'
import {
  type Callers,
  createCallers,
  createKeyHolder,
  fetchKubernetes,
  fetchOidc,
  type Published,
  type TrustedIssuer,
} from './callers/index.ts'
import type { Clock } from './clock.ts'
import { StartFailure } from './errors.ts'
import type { Config, IssuerConfig } from './config/index.ts'
import { type TlsFiles, watchTlsFiles } from './http/index.ts'
import {
  createOutbound,
  type LinkLocal,
  type Outbound,
  readAuthorities,
  readProxyCredentials,
} from './outbound/index.ts'
import type { Log, Metrics } from './telemetry/index.ts'
import {
  createClockReports,
  createExchange,
  createManagedExchange,
  createRoleReports,
  createTokenProvider,
  neededRole,
  type Report,
  type TokenProvider,
} from './token/index.ts'

/** The process's environment: Kubernetes tells every pod in it where its API server is. */
export type Environment = Readonly<Record<string, string | undefined>>

interface Tools {
  readonly outbound: Outbound
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

/** @throws {StartFailure} a file cannot be read, or holds something else */
export async function outboundFor({ outbound: config }: Config, clock: Clock): Promise<Outbound> {
  const { caFile, proxyAuth, noProxy } = config
  const extraCa = caFile === undefined ? undefined : await readAuthorities(caFile)
  if (config.proxy === undefined || config.proxy === 'off') return createOutbound({ clock, extraCa })
  const credentials = proxyAuth && credentialsFrom(proxyAuth)
  await credentials?.().catch((error: Error) => {
    throw new StartFailure(error.message)
  })
  return createOutbound({ clock, extraCa, proxy: { ...config.proxy, credentials }, noProxy })
}

function credentialsFrom(auth: NonNullable<Config['outbound']['proxyAuth']>): () => Promise<string> {
  const { file, value } = auth
  return file === undefined ? () => Promise.resolve(value.reveal()) : () => readProxyCredentials(file)
}

export function tokensFor(
  { identity, graph }: Config,
  {
    outbound,
    linkLocal,
    clock,
    log,
    metrics,
    random,
  }: Tools & { linkLocal: LinkLocal; random: () => number },
): TokenProvider {
  const { tenantId, clientId, authorityHost, credential } = identity
  const rolesOf = createRoleReports(identity, clock.monotonic)
  const clockOf = createClockReports(credential.type === 'managed' ? 'IMDS' : 'Entra')
  const tell = ({ level, fields, message }: Report): void => log[level](fields, message)
  const common = {
    tenantId,
    clientId,
    clock,
    deadlineMs: graph.deadline,
    clockCompared(skewMs: number) {
      metrics.clockCompared(skewMs)
      const report = clockOf(skewMs)
      if (report !== undefined) tell(report)
    },
  }
  const exchange =
    credential.type === 'managed'
      ? createManagedExchange({ ...common, ...credential, linkLocal })
      : createExchange({ ...common, authorityHost, credential, outbound })
  const provider = createTokenProvider({
    exchange,
    clock,
    random,
    observer: {
      exchanged(token) {
        metrics.exchanged(true)
        const expires = new Date(token.expiresAt).toISOString()
        // One without the role is replaced every minute, and that is told as what it is.
        if (token.roles.includes(neededRole)) log.info({ expires }, 'new app-only token')
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

/** @throws {StartFailure} the cache may take more than Node's heap has room for */
export function cacheFor(
  { memory, ...windows }: Config['cache'],
  { clock, random, log, metrics }: Omit<Tools, 'outbound'> & { random: () => number },
): Cache {
  const heapBytes = getHeapStatistics().heap_size_limit
  if (memory > heapBytes / 2) {
    throw new StartFailure(
      `cache.memory: ${Math.ceil(memory / mebibyte)} MiB is more than half of what Node's heap may take ` +
        `(${Math.floor(heapBytes / mebibyte)} MiB). Give it less, or the heap more: ` +
        `NODE_OPTIONS=--max-old-space-size=${Math.ceil((2 * memory) / mebibyte)}`,
    )
  }
  return createCache({
    store: createMemoryStore(memory),
    windows: {
      freshForMs: windows.freshFor,
      staleWhileRevalidateMs: windows.staleWhileRevalidate,
      staleIfErrorMs: windows.staleIfError,
      maxRetentionMs: windows.maxRetention,
      notFoundForMs: windows.notFoundFor,
      jitter: windows.jitter,
    },
    clock,
    random,
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
  { outbound, clock, log, metrics, env }: Tools & { env: Environment },
): Callers {
  function trusted(issuer: Exclude<IssuerConfig, { type: 'anonymous' }>): TrustedIssuer {
    const { name } = issuer
    const fetchPublished = (): Promise<Published> =>
      issuer.type === 'oidc'
        ? fetchOidc(issuer, outbound)
        : fetchKubernetes({ ...issuer, apiServer: issuer.apiServer ?? apiServerFrom(env) }, clock)
    const keys = createKeyHolder({
      fetchPublished,
      clock,
      observer(problem, change) {
        metrics.keysFetched(name, problem === undefined)
        if (problem !== undefined)
          log.error({ issuer: name }, `the issuer's keys could not be fetched: ${problem}`)
        else if (change !== undefined) log.info({ issuer: name, ...change }, 'new issuer keys')
      },
    })
    return {
      iss: issuer.issuer,
      keys,
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
    clock,
  })
}

/** As every pod is told; outside a cluster the name that only a cluster resolves, and an error that says so. */
function apiServerFrom(env: Environment): string {
  const host = env['KUBERNETES_SERVICE_HOST']
  if (host === undefined || host === '') return 'https://kubernetes.default.svc'
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '443'
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** @param key where `tls` stands in the configuration */
export async function tlsFor(
  tls: Config['server']['tls'],
  key: string,
  { clock, log, metrics }: Omit<Tools, 'outbound'>,
): Promise<TlsFiles | undefined> {
  if (tls === 'off') return undefined
  return watchTlsFiles({
    ...tls,
    key,
    clock,
    observer(problem) {
      metrics.certificateReloaded(problem === undefined)
      if (problem === undefined) log.info(`${key}: new certificate`)
      else log.error(`${key}: the new files are not used: ${problem}`)
    },
  })
}
