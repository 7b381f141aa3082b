/**
 * Does this token hold, for us and now (RFC 7519, RFC 8725)? And whom does it name?
 *
 * @module
 */

import { errors, jwtVerify, type JWTPayload, type JWTVerifyOptions, type JWTVerifyResult } from 'jose'
import { isJsonObject } from '../json.ts'
import type { Caller } from './caller.ts'
import type { HeldKeys } from './keys.ts'
import { algorithms } from './public-key.ts'

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

/** RFC 8725 §3.11. ID tokens, logout tokens and security events of the same issuer are no access tokens. */
const acceptedTypes = ['jwt', 'at+jwt']
const longestSubject = 256
/** During a rotation there are two or three; each costs a verification, for a stranger's token as well. */
const mostCandidates = 8

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
  const { payload, protectedHeader } = await verifySignature(token, keyFor, {
    algorithms: [...algorithms],
    issuer,
    audience: demands.audience,
    requiredClaims: ['exp'],
    clockTolerance: demands.clockToleranceMs / 1000,
    currentDate: new Date(now),
  }).catch((error: unknown) => {
    throw inOurWords(error, demands)
  })
  // Padding and the spare bits of the last character are passed over where base64url is decoded (RFC 4648 §3.5): one
  // signature would be good in sixteen spellings and more. What stands before it is signed as it is written.
  const signature = token.slice(token.lastIndexOf('.') + 1)
  if (Buffer.from(signature, 'base64url').toString('base64url') !== signature) {
    throw new TokenRefused('its signature is not written as base64url writes it')
  }
  // jose checks every header it uses itself, and this one it does not.
  const type: unknown = protectedHeader.typ
  if (type !== undefined && !isAccessTokenType(type)) {
    throw new TokenRefused(
      `its typ is ${JSON.stringify(type).slice(0, 64)}, which is not that of an access token`,
    )
  }
  for (const [claim, required] of Object.entries(demands.require)) {
    if (!satisfies(payload[claim], required)) {
      throw new TokenRefused(
        `its claim ${quote(claim)} is ${show(payload[claim])}, and issuers.${demands.name}.require asks for ${show(required)}`,
      )
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

/**
 * With a key id there is one key. Without one (RFC 7515 §4.1.4 does not ask for it), or with one that two keys share, any
 * may have signed it.
 */
async function verifySignature(
  token: string,
  keyFor: HeldKeys['keyFor'],
  options: JWTVerifyOptions,
): Promise<JWTVerifyResult> {
  try {
    return await jwtVerify(token, keyFor, options)
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    let tries = 0
    for await (const key of error) {
      if ((tries += 1) > mostCandidates) break
      try {
        return await jwtVerify(token, key, options)
      } catch (mismatch) {
        if (!(mismatch instanceof errors.JWSSignatureVerificationFailed)) throw mismatch
      }
    }
    throw new errors.JWSSignatureVerificationFailed()
  }
}

/** jose says which claim failed; whoever has to mend it needs to see what it is, and what it should be. */
function inOurWords(error: unknown, { name, audience }: Demands): unknown {
  if (error instanceof errors.JWTExpired) {
    return new TokenRefused(`it expired at ${instant(error.payload.exp)}`)
  }
  if (!(error instanceof errors.JWTClaimValidationFailed) || error.reason !== 'check_failed') return error
  const { aud, nbf } = error.payload
  if (error.claim === 'aud') {
    return new TokenRefused(`its aud is ${show(aud)}, and issuers.${name}.audience is ${quote(audience)}`)
  }
  if (error.claim === 'nbf') {
    return new TokenRefused(`it is not valid before ${instant(nbf)}: compare the clocks`)
  }
  return error
}

/** @param seconds since the epoch, as far as they are a time at all */
function instant(seconds: number | undefined): string {
  const date = new Date((seconds ?? Number.NaN) * 1000)
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString()
}

/** A claim, or what is asked of it, for the operator's eyes. */
function show(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value).slice(0, 200)
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
  const { name: pod, uid: podUid } = isJsonObject(boundPod) ? boundPod : {}
  if (!isObjectName(namespace) || !isObjectName(serviceAccount)) {
    throw new TokenRefused(
      'it is not a bound service-account token: no kubernetes.io claim names its namespace and account',
    )
  }
  if (payload.sub !== `system:serviceaccount:${namespace}:${serviceAccount}`) {
    throw new TokenRefused('its subject and its kubernetes.io claim name different service accounts')
  }
  return {
    subject: payload.sub,
    workload: {
      namespace,
      serviceAccount,
      ...(isObjectName(pod) ? { pod } : {}),
      ...(isUid(podUid) ? { podUid } : {}),
    },
  }
}

function nameOf(object: unknown): unknown {
  return isJsonObject(object) ? object['name'] : undefined
}

/** Kubernetes "Object Names and IDs": DNS subdomain names (RFC 1123). */
function isObjectName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 253 && /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(value)
}

/** Kubernetes writes UUIDs, and promises no more than that they are unique. */
function isUid(value: unknown): value is string {
  return typeof value === 'string' && /^[\w-]{1,64}$/.test(value)
}

function isSafeText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= longestSubject && /^[^\p{C}]+$/u.test(value)
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64))
}
