/**
 * What an exchange ends in, whoever the token is had from.
 *
 * @module
 */

import { decodeJwt, type JWTPayload } from 'jose'
import { ExchangeFailed } from './errors.ts'

export interface AppToken {
  readonly value: string
  /** Epoch milliseconds. */
  readonly expiresAt: number
  /** Application roles, as far as the token can be read; it is Graph's to interpret. */
  readonly roles: readonly string[]
}

/** What tokens are for, as Entra knows it. */
export const graphResource = 'https://graph.microsoft.com'
/** Azure Managed Redis, and Azure Cache for Redis. */
export const redisResource = 'https://redis.azure.com'

/** @throws {ExchangeFailed} */
export type Exchange = () => Promise<AppToken>

/** Entra's own are 60 to 90 minutes, and 24 to 28 hours at the very most. */
const longestLifetimeMs = 28 * 60 * 60_000

/**
 * @param value as MSAL passes it on: of any type
 * @param whose as the operator knows who gave it
 * @param now epoch milliseconds
 * @throws {ExchangeFailed} it is no token, or nobody can say when it ends
 */
export function appToken(value: unknown, lifetimeMs: number, whose: string, now: number): AppToken {
  // It becomes part of a header.
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
    throw new ExchangeFailed(`${whose} answered without an access token`)
  }
  if (!Number.isFinite(lifetimeMs)) {
    throw new ExchangeFailed(`${whose} answered with a lifetime that is no number`)
  }
  const { roles } = claimsOf(value)
  return {
    value,
    expiresAt: now + Math.min(lifetimeMs, longestLifetimeMs),
    roles: Array.isArray(roles) ? roles.filter((role): role is string => typeof role === 'string') : [],
  }
}

/** None, where the token is no JWT: that is Graph's business, and no mistake. */
export function claimsOf(token: string): JWTPayload {
  try {
    return decodeJwt(token)
  } catch {
    return {}
  }
}

/** As MSAL wants them. */
export function flatHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  )
}
