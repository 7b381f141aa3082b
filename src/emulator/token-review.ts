/**
 * What a Kubernetes API server says of a service-account token (`TokenReview`, authentication.k8s.io/v1), in its words.
 *
 * @module
 */

import { decodeJwt, errors, jwtVerify, type JWTPayload } from 'jose'
import type { ServiceAccounts } from './service-accounts.ts'
import type { SigningKeys } from './signing-keys.ts'

export interface TokenReviewer {
  readonly issuerUrl: string
  readonly keys: SigningKeys
  readonly serviceAccounts: ServiceAccounts
  readonly now: () => number
}

/**
 * @param spec of the TokenReview, unseen so far
 * @returns its `status`
 */
export async function tokenReviewStatus(
  spec: Readonly<Record<string, unknown>>,
  { issuerUrl, keys, serviceAccounts, now }: TokenReviewer,
): Promise<object> {
  const { token } = spec
  const asked = listOf(spec['audiences'])
  // Its own, where nobody asks for others.
  const wanted = asked.length === 0 ? [issuerUrl] : asked
  let claims: JWTPayload
  try {
    if (typeof token !== 'string' || decodeJwt(token).iss !== issuerUrl) return { user: {} }
    const currentDate = new Date(now())
    claims = (await jwtVerify(token, keys.resolver(), { issuer: issuerUrl, currentDate })).payload
  } catch (error) {
    return refused(
      error instanceof errors.JWTExpired ? 'service account token has expired' : 'invalid signature',
    )
  }
  const audiences = listOf(claims.aud).filter((each) => wanted.includes(each))
  if (audiences.length === 0) {
    const [has, wants] = [listOf(claims.aud), wanted].map((all) => JSON.stringify(all).replaceAll(',', ' '))
    return refused(`token audiences ${has} is invalid for the target audiences ${wants}`)
  }
  const bound = mapOf(claims['kubernetes.io'])
  const [pod, account, node] = [bound['pod'], bound['serviceaccount'], bound['node']].map(mapOf)
  const namespace = String(bound['namespace'])
  if (pod?.['uid'] !== undefined) {
    const uid = serviceAccounts.podUid(namespace, String(pod['name']))
    if (uid === undefined) return refused('service account token has been invalidated')
    if (uid !== pod['uid']) return refused(`pod UID (${uid}) does not match service account pod ref claim`)
  }
  const extra = Object.entries({
    'authentication.kubernetes.io/credential-id': claims.jti && `JTI=${claims.jti}`,
    'authentication.kubernetes.io/node-name': node?.['name'],
    'authentication.kubernetes.io/node-uid': node?.['uid'],
    'authentication.kubernetes.io/pod-name': pod?.['name'],
    'authentication.kubernetes.io/pod-uid': pod?.['uid'],
  }).filter(([, value]) => value !== undefined)
  return {
    authenticated: true,
    user: {
      username: claims.sub,
      uid: account?.['uid'],
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
      extra: Object.fromEntries(extra.map(([key, value]) => [key, [value]])),
    },
    audiences,
  }
}

function refused(error: string): object {
  return { user: {}, error: `[invalid bearer token, ${error}]` }
}

function listOf(value: unknown): readonly string[] {
  return [value].flat().filter((each) => typeof each === 'string')
}

function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
