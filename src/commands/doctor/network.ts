/**
 * Names and time: what everything that goes out depends on.
 *
 * @module
 */

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Clock } from '../../clock.ts'
import type { Config } from '../../config/index.ts'
import type { Outbound } from '../../outbound/index.ts'
import { apiServerOf, type Environment, type KeyedIssuerConfig } from '../../reach.ts'
import { isNoticeable, skewMs } from '../../token/index.ts'
import { failed, ok, skipped, type Told, warning } from './line.ts'

/** Entra and most issuers put up with so much. */
const toleratedMs = 5 * 60_000
const largestAnswerBytes = 256 * 1024

/** @returns the name that has to be looked up before this origin is reached, if one has to */
export function nameIn(origin: string): string | undefined {
  const host = new URL(origin).hostname.replace(/^\[|\]$/g, '')
  return isIP(host) === 0 ? host : undefined
}

/** Where one issuer's keys come from, and whether a proxy is never asked for it. */
export function sourceOf(
  issuer: KeyedIssuerConfig,
  env: Environment,
): { readonly origin: string; readonly isDirect: boolean } {
  return issuer.type === 'kubernetes'
    ? { origin: apiServerOf(issuer, env), isDirect: true }
    : { origin: issuer.jwksUri ?? issuer.issuer, isDirect: false }
}

/** As every connection of the gateway's looks it up. */
export async function examineName(name: string): Promise<{ readonly told: Told; readonly value?: true }> {
  try {
    const found = await lookup(name, { all: true })
    return { told: ok(found.map(({ address }) => address).join(', ')), value: true }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    const remedy =
      name === 'kubernetes.default.svc'
        ? 'outside a cluster this name means nothing: give the issuer’s apiServer, or run this in the pod'
        : code === 'EAI_AGAIN'
          ? 'the name server does not answer: see /etc/resolv.conf, the pod’s dnsPolicy, and that a NetworkPolicy lets port 53 pass'
          : 'is it spelled as it should be? If so, this machine’s name server does not know it'
    return { told: failed(`it has no address (${code})`, remedy) }
  }
}

/** Entra; with a managed identity nobody goes there, and Graph tells the time as well. */
export function whoTellsTime({ identity, graph }: Config): {
  readonly origin: string
  readonly target: string
} {
  return identity.credential.type === 'managed'
    ? { origin: graph.endpoint, target: '/beta/security/securityCopilot/workspaces' }
    : {
        origin: identity.authorityHost,
        target: `/${identity.tenantId}/v2.0/.well-known/openid-configuration`,
      }
}

/** Whoever is asked is told nothing: it is asked for what everybody may see, and for its `Date`. */
export async function examineClock(
  config: Config,
  outbound: Outbound,
  { clock, deadlineMs }: { readonly clock: Clock; readonly deadlineMs: number },
): Promise<Told> {
  const { origin, target } = whoTellsTime(config)
  const startedAt = clock.monotonic()
  let date: string | string[] | undefined
  try {
    const response = await outbound.send({
      origin,
      target,
      method: 'GET',
      headers: { accept: 'application/json', 'user-agent': 'session-gateway' },
      deadlineMs: deadlineMs,
      maxBodyBytes: largestAnswerBytes,
    })
    date = response.headers['date']
  } catch (error) {
    return skipped(`nobody told the time: ${error instanceof Error ? error.message : String(error)}`)
  }
  const now = clock.now() - (clock.monotonic() - startedAt) / 2
  const skew = skewMs(date, now)
  if (skew === undefined) return skipped(`${origin} did not tell the time`)
  const difference = `${Math.round(Math.abs(skew) / 1000)} s ${skew > 0 ? 'ahead of' : 'behind'} ${origin}`
  if (!isNoticeable(skew)) return ok(`it agrees with ${origin}`)
  const remedy = 'set it (NTP), or tokens and certificates will be refused as expired or not valid yet'
  const found = `this machine’s clock is ${difference}`
  return Math.abs(skew) > toleratedMs ? failed(found, remedy) : warning(found, remedy)
}
