/**
 * Does this token hold, for us and now (RFC 7519, RFC 8725)? And whom does it name?
 *
 * @module
 */

import { jwtVerify, type JWTPayload } from 'jose'
import { isJsonObject } from '../json.ts'
import type { Caller } from './caller.ts'
import type { HeldKeys } from './keys.ts'

/** What a token of one issuer must say, and which claim names the caller. */
export interface Demands {
  /** The issuer's name in the configuration. */
  readonly name: string
  readonly audience: string
  readonly clockToleranceMs: number
  /** The claim that names the caller; `kubernetes` reads the service account. */
  readonly subject: { readonly claim: string } | 'kubernetes'
  readonly require: Readonly<Record<string, RequiredClaim>>
}

/** A list: the claim is a list too and contains every one of them. */
export type RequiredClaim = string | number | boolean | readonly string[]

/** Why a token does not hold; for the log, never for the caller. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused'
}

/** Public-key signatures only: with a shared secret, whoever can verify can also forge. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]
/** RFC 8725 §3.11. ID tokens, logout tokens and security events of the same issuer are no access tokens. */
const acceptedTypes = ['jwt', 'at+jwt']
const longestSubject = 256

/**
 * @param now epoch milliseconds
 * @throws {TokenRefused | Error} jose's own errors say what it found wrong
 */
export async function verifyToken(
  token: string,
  { issuer, keyFor }: HeldKeys,
  demands: Demands,
  now: number,
): Promise<{ caller: Caller; expiresAt: number }> {
  const { payload, protectedHeader } = await jwtVerify(token, keyFor, {
    algorithms,
    issuer,
    audience: demands.audience,
    requiredClaims: ['exp'],
    clockTolerance: demands.clockToleranceMs / 1000,
    currentDate: new Date(now),
  })
  // jose checks every header it uses itself, and this one it does not.
  const type: unknown = protectedHeader.typ
  if (type !== undefined && !isAccessTokenType(type)) {
    throw new TokenRefused(
      `its typ is ${JSON.stringify(type).slice(0, 64)}, which is not that of an access token`,
    )
  }
  for (const [claim, required] of Object.entries(demands.require)) {
    if (!satisfies(payload[claim], required)) {
      throw new TokenRefused(`its claim ${quote(claim)} is not what issuers.${demands.name}.require asks for`)
    }
  }
  const tokenId = payload.jti
  const caller: Caller = {
    issuer: demands.name,
    ...(demands.subject === 'kubernetes'
      ? serviceAccountOf(payload)
      : subjectOf(payload, demands.subject.claim)),
    ...(isSafeText(tokenId) ? { tokenId } : {}),
  }
  return { caller, expiresAt: (payload.exp ?? 0) * 1000 }
}

function isAccessTokenType(type: unknown): boolean {
  return typeof type === 'string' && acceptedTypes.includes(type.toLowerCase().replace(/^application\//, ''))
}

function satisfies(claim: unknown, required: RequiredClaim): boolean {
  if (typeof required !== 'object') return claim === required
  return Array.isArray(claim) && required.every((value) => claim.includes(value))
}

function subjectOf(payload: JWTPayload, claim: string): Pick<Caller, 'subject'> {
  const subject = payload[claim]
  if (!isSafeText(subject)) {
    throw new TokenRefused(
      `its claim ${quote(claim)} does not name a subject of 1 to ${longestSubject} characters`,
    )
  }
  return { subject }
}

/** Kubernetes "Managing Service Accounts", the schema of bound tokens' private claims. */
function serviceAccountOf(payload: JWTPayload): Pick<Caller, 'subject' | 'workload'> {
  const bound = payload['kubernetes.io']
  const { namespace, serviceaccount, pod: boundPod } = isJsonObject(bound) ? bound : {}
  const serviceAccount = nameOf(serviceaccount)
  const pod = nameOf(boundPod)
  if (!isSafeText(namespace) || !isSafeText(serviceAccount)) {
    throw new TokenRefused(
      'it is not a bound service-account token: it has no kubernetes.io claim with a namespace',
    )
  }
  if (payload.sub !== `system:serviceaccount:${namespace}:${serviceAccount}`) {
    throw new TokenRefused('its subject and its kubernetes.io claim name different service accounts')
  }
  return {
    subject: payload.sub,
    workload: { namespace, serviceAccount, ...(isSafeText(pod) ? { pod } : {}) },
  }
}

function nameOf(object: unknown): unknown {
  return isJsonObject(object) ? object['name'] : undefined
}

function isSafeText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= longestSubject && /^[^\p{C}]+$/u.test(value)
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64))
}
