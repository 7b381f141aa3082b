/**
 * How others are reached, as configured: the way out, whoever gives the app-only token, the issuers of callers; and what
 * callers reach us by. It knows neither log nor metrics, so that `doctor` and `explain` ask exactly as `serve` does.
 *
 * @module
 */

import {
  createApiServer,
  createKeyHolder,
  createReviews,
  fetchKubernetes,
  fetchOidc,
  type KeyHolder,
  type KeyObserver,
  type Reviews,
  type ReviewsOptions,
  reviewToken,
} from './callers/index.ts'
import type { Clock } from './clock.ts'
import type { Config, KubernetesIssuerConfig, OidcIssuerConfig, ServerConfig } from './config/index.ts'
import { StartFailure } from './errors.ts'
import { readTlsPair, type TlsPair } from './http/index.ts'
import {
  createIsExempt,
  createOutbound,
  type LinkLocal,
  type Outbound,
  readAuthorities,
  readProxyCredentials,
} from './outbound/index.ts'
import { createExchange, createManagedExchange, type Exchange } from './token/index.ts'

/** The process's environment: Kubernetes tells every pod in it where its API server is. */
export type Environment = Readonly<Record<string, string | undefined>>

export interface Surroundings {
  readonly outbound: Outbound
  readonly clock: Clock
  readonly env: Environment
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

/** Whether the proxy leads to an origin, as `outboundFor` decides it. API servers are reached by ways of their own, without. */
export function isProxiedFor({ outbound: { proxy, noProxy } }: Config): (origin: string) => boolean {
  if (proxy === undefined || proxy === 'off') return () => false
  const isExempt = createIsExempt(noProxy)
  return (origin) => {
    const { hostname, port } = new URL(origin)
    return !isExempt(hostname, port === '' ? 443 : Number(port))
  }
}

export interface ExchangeWays {
  readonly outbound: Outbound
  /** To IMDS, which gives the token of a managed identity. */
  readonly linkLocal: LinkLocal
  readonly clock: Clock
  /** Told by how many milliseconds our clock is ahead, whenever an answer tells the time. */
  readonly clockCompared: (skewMs: number) => void
  /** Told when the certificate ends that an exchange is made with; epoch milliseconds. */
  readonly certificateUsed?: (expiresAt: number) => void
  /** What the token is for; Microsoft Graph unless told. */
  readonly resource?: string
}

export function exchangeFor(
  { identity, graph }: Config,
  { outbound, linkLocal, ...ways }: ExchangeWays,
): Exchange {
  const { tenantId, clientId, authorityHost, credential } = identity
  const common = { tenantId, clientId, deadlineMs: graph.deadline, ...ways }
  return credential.type === 'managed'
    ? createManagedExchange({ ...common, ...credential, linkLocal })
    : createExchange({ ...common, authorityHost, credential, outbound })
}

export type KeyedIssuerConfig = KubernetesIssuerConfig | OidcIssuerConfig

/** Fetches them at once, and goes on until it is closed. */
export function keysFor(
  issuer: KeyedIssuerConfig,
  { outbound, clock, env, observer }: Surroundings & { readonly observer: KeyObserver },
): KeyHolder {
  return createKeyHolder({
    fetchPublished: () =>
      issuer.type === 'oidc'
        ? fetchOidc(issuer, outbound)
        : fetchKubernetes({ ...issuer, apiServer: apiServerOf(issuer, env) }, clock),
    clock,
    observer,
  })
}

/** @returns none where the tokens of this issuer are not to be reviewed */
export function reviewsFor(
  issuer: KeyedIssuerConfig,
  surroundings: Pick<Surroundings, 'clock' | 'env'>,
  observer: ReviewsOptions['observer'],
): Reviews | undefined {
  if (!isReviewed(issuer)) return undefined
  const { whenUnavailable } = issuer.tokenReview
  const { clock } = surroundings
  return createReviews({ ...reviewingFor(issuer, surroundings), whenUnavailable, clock, observer })
}

export type ReviewedIssuerConfig = KubernetesIssuerConfig & {
  readonly tokenReview: NonNullable<KubernetesIssuerConfig['tokenReview']>
}

export function isReviewed(issuer: KeyedIssuerConfig): issuer is ReviewedIssuerConfig {
  return issuer.type === 'kubernetes' && issuer.tokenReview !== undefined
}

/** The question itself, put as often as it is asked. */
export function reviewingFor(
  issuer: ReviewedIssuerConfig,
  { clock, env }: Pick<Surroundings, 'clock' | 'env'>,
): Pick<ReviewsOptions, 'review' | 'close'> {
  const { audience, tokenReview } = issuer
  const apiServer = createApiServer({ ...issuer, apiServer: apiServerOf(issuer, env) }, clock)
  return {
    review: (token, caller) =>
      reviewToken(apiServer, { token, caller, audience, deadlineMs: tokenReview.timeout }),
    close: () => void apiServer.close(),
  }
}

/** As every pod is told; outside a cluster the name that only a cluster resolves, and an error that says so. */
export function apiServerOf({ apiServer }: KubernetesIssuerConfig, env: Environment): string {
  if (apiServer !== undefined) return apiServer
  const host = env['KUBERNETES_SERVICE_HOST']
  if (host === undefined || host === '') return 'https://kubernetes.default.svc'
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '443'
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/**
 * @param key where `tls` stands in the configuration
 * @throws {StartFailure} the files do not work
 */
export function tlsPairFor(tls: Exclude<ServerConfig['tls'], 'off'>, key: string): Promise<TlsPair> {
  return readTlsPair({ ...tls, key })
}
