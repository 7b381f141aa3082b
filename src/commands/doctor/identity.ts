/**
 * Whose tokens are believed, and what is done with our own: keys, the exchange, its roles, and one question to Graph.
 *
 * @module
 */

import type { NewKeys } from '../../callers/index.ts'
import type { Clock } from '../../clock.ts'
import type { Config } from '../../config/index.ts'
import { GatewayError, messageOf } from '../../errors.ts'
import { createGate, createGraphClient, createLine, createRetryBudget } from '../../graph/index.ts'
import { createLinkLocal, type Outbound } from '../../outbound/index.ts'
import {
  exchangeFor,
  type KeyedIssuerConfig,
  keysFor,
  type ReviewedIssuerConfig,
  reviewingFor,
  type Surroundings,
} from '../../reach.ts'
import { graphTarget, parseReadRequest } from '../../session/index.ts'
import { type AppToken, createRoleReports, createTokenProvider, neededRole } from '../../token/index.ts'
import { failed, ok, type Told, warning } from './line.ts'
import { graphRemedy } from './graph-remedies.ts'

export async function examineKeys(issuer: KeyedIssuerConfig, surroundings: Surroundings): Promise<Told> {
  const { promise, resolve } = Promise.withResolvers<Told>()
  const keys = keysFor(issuer, {
    ...surroundings,
    observer(problem, change) {
      const from = keys.held?.issuer
      if (problem !== undefined) resolve(failed(problem, keysRemedy(issuer)))
      else resolve(ok(`${keysHeld(change)} of ${from}`))
    },
  })
  try {
    return await promise
  } finally {
    keys.close()
  }
}

function keysHeld({ held, passedOver }: NewKeys = { held: 0, passedOver: 0 }): string {
  const count = `${held} key${held === 1 ? '' : 's'}`
  return passedOver === 0 ? count : `${count} (and ${passedOver} that no token is verified with)`
}

function keysRemedy({ name, type }: KeyedIssuerConfig): string {
  return type === 'oidc'
    ? `until it is mended the tokens of this issuer get 503 issuerUnavailable. Let this machine reach it, and see that issuers.${name}.issuer is what it calls itself`
    : `until it is mended the tokens of this cluster get 503 issuerUnavailable. The pod needs a service-account token and kube-root-ca.crt where tokenFile and caFile of issuers.${name} say, and the role system:service-account-issuer-discovery`
}

/** A text that is no token shows as well as one whether the API server answers us. */
export async function examineReviews(
  issuer: ReviewedIssuerConfig,
  surroundings: Pick<Surroundings, 'clock' | 'env'>,
): Promise<Told> {
  const { review, close } = reviewingFor(issuer, surroundings)
  try {
    await review('not-a-token', { issuer: issuer.name, subject: '' })
    return ok('the API server reviews tokens for us')
  } catch (error) {
    const remedy =
      'bind a ClusterRole with the verb create for tokenreviews in authentication.k8s.io to the gateway’s service account, as the chart does'
    return issuer.tokenReview.whenUnavailable === 'accept'
      ? warning(messageOf(error), `until it is mended tokens are believed without a review: ${remedy}`)
      : failed(messageOf(error), `until it is mended callers get 503 tokenReviewUnavailable: ${remedy}`)
  } finally {
    close()
  }
}

/** The first exchange, as the gateway makes it. */
export async function examineExchange(
  config: Config,
  { outbound, clock }: { readonly outbound: Outbound; readonly clock: Clock },
): Promise<{ readonly told: Told; readonly value?: AppToken }> {
  const linkLocal = createLinkLocal(clock)
  try {
    const token = await exchangeFor(config, { outbound, linkLocal, clock, clockCompared() {} })()
    return { told: ok(`an app-only token until ${new Date(token.expiresAt).toISOString()}`), value: token }
  } catch (error) {
    return { told: asFailed(error, exchangeRemedy(config)) }
  } finally {
    linkLocal.close()
  }
}

/** An exchange that has failed may say itself what to do. */
export function asFailed(error: unknown, otherwise: string): Told {
  const [found = '', remedy] = (error instanceof Error ? error.message : String(error)).split(
    '. What to do: ',
  )
  return failed(found, remedy ?? otherwise)
}

function exchangeRemedy({ identity: { authorityHost, credential } }: Config): string {
  const from = credential.type === 'managed' ? credential.endpoint : authorityHost
  return `see identity.credential, and that ${from} is reached from here: nothing works without this token`
}

export function examineRoles({ roles }: AppToken, config: Config, clock: Clock): Told[] {
  const reports = createRoleReports(config.identity, clock.monotonic)(roles)
  const found = `the token has ${roles.length === 0 ? 'no roles' : `the roles ${roles.toSorted().join(', ')}`}`
  if (reports.length === 0) return [ok(`${found}, and no other`)]
  return reports.map(({ level, message }) =>
    level === 'error' ? failed(found, message) : warning(found, message),
  )
}

/** The names of the workspaces are not among what is asked for, and nothing of the answer's body is read. */
const harmless = graphTarget(parseReadRequest('/beta/security/securityCopilot/workspaces?$select=id', []))

/** One read through the door that `serve` uses, with its line, gate, deadline and second try. */
export async function examineGraph(
  token: AppToken,
  config: Config,
  { outbound, clock }: { readonly outbound: Outbound; readonly clock: Clock },
): Promise<Told> {
  const { endpoint, deadline, maxBody } = config.graph
  const tokens = createTokenProvider({
    exchange: () => Promise.resolve(token),
    clock,
    random: Math.random,
    observer: { exchanged() {}, failed() {} },
  })
  const line = createLine({ gate: createGate(clock.monotonic), clock, mostAtOnce: 1, mostWaiting: 1 })
  let isRoleMissing = false
  const graph = createGraphClient({
    origin: endpoint,
    deadlineMs: deadline,
    maxBodyBytes: maxBody,
    outbound,
    tokens,
    line,
    passingLine: line,
    retries: createRetryBudget(),
    clock,
    observer: { retried() {}, called() {}, roleMissing: () => (isRoleMissing = true) },
  })
  try {
    const asked = { cancelled: new AbortController().signal, isAwaited: true, departs() {} }
    const { status, body, trip } = await graph.passOn(harmless, asked)
    body?.destroy()
    if (status === 200) return ok(`${endpoint} answered the list of workspaces with 200`)
    return failed(
      `${endpoint} answered ${status} (request-id ${trip.requestId ?? 'none'})`,
      'this Graph has no Security Copilot: it is in the global cloud only, so see graph.endpoint',
    )
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    if (isRoleMissing && !token.roles.includes(neededRole)) {
      return warning(`${endpoint} was reached, and refuses the token for want of the role`, 'see roles')
    }
    const said = error.reason ?? error.message
    const isBusy = error.receivedStatus === 429
    const tell = isBusy ? warning : failed
    return tell(`${endpoint}: ${said}`, graphRemedy(error))
  } finally {
    tokens.close()
  }
}
