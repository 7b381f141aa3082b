/**
 * Whose token is this? The first question after a sane request, before anything is looked up for anyone.
 *
 * @module
 */

import { decodeJwt, errors } from 'jose'
import type { Clock } from '../clock.ts'
import type { Caller } from './caller.ts'
import { IssuerUnavailable, Unauthenticated } from './errors.ts'
import type { HeldKeys, KeyHolder } from './keys.ts'
import type { Reviews } from './reviews.ts'
import { createTokenMemory } from './tokens.ts'
import { type Demands, verifyToken } from './verify.ts'

export interface Callers {
  /**
   * @param authorization the `Authorization` header, if any
   * @throws {Unauthenticated | IssuerUnavailable | TokenReviewUnavailable}
   */
  identify(authorization: string | undefined): Caller | Promise<Caller>
  /**
   * Whoever needs neither be verified nor reviewed again just now. Only looks: nothing is begun, and nothing refused.
   *
   * @returns undefined where `identify` has to say
   */
  atHand(authorization: string | undefined): Caller | undefined
  /** What went wrong the last time, in a few words each: issuers whose keys were not to be had, or whose tokens not reviewed. */
  readonly problems: readonly string[]
  /** Whether at least one issuer's tokens can be verified. */
  readonly canVerify: boolean
  /** Tokens that are believed without being verified again. */
  readonly remembered: number
  close(): void
}

/** One issuer whose tokens are believed. */
export interface TrustedIssuer {
  /** The exact `iss` of its tokens; absent while only its keys' source can tell. */
  readonly iss?: string | undefined
  readonly demands: Demands
  readonly keys: KeyHolder
  /** Where it is asked about each token, too. */
  readonly reviews?: Reviews | undefined
}

export interface CallersOptions {
  readonly issuers: readonly TrustedIssuer[]
  /** Who comes without a token; for development. */
  readonly anonymous?: Caller | undefined
  readonly clock: Clock
}

interface Verified {
  readonly caller: Caller
  readonly issuer: TrustedIssuer
}

interface Remembered extends Verified {
  /** On the monotonic clock. */
  readonly until: number
  /** Epoch milliseconds: the token's `exp`. */
  readonly expiresAt: number
  /** Of the keys: a token whose key has been withdrawn is not believed for the rest of its minute. */
  readonly generation: number
}

/** A verified token is believed this long without verifying it again, and never past its `exp`. */
const rememberMs = 60_000
/** How nearly everybody writes it. */
const scheme = 'Bearer '
/** RFC 6750 §2.1. */
const bearer = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i
const isBearer = /^Bearer(?:\s|$)/i

export function createCallers({ issuers, anonymous, clock }: CallersOptions): Callers {
  const remembered = createTokenMemory<Remembered>()

  function identify(authorization: string | undefined): Caller | Promise<Caller> {
    if (authorization === undefined) {
      if (anonymous !== undefined) return anonymous
      throw new Unauthenticated('there is no Authorization header', false)
    }
    const token = bearer.exec(authorization)?.[1]
    if (token === undefined) {
      throw new Unauthenticated(
        'the Authorization header holds no bearer token',
        isBearer.test(authorization),
      )
    }

    const known = believed(token)
    if (known !== undefined) return confirmed(known, token)
    return verify(token).then((found) => confirmed(found, token))
  }

  function atHand(authorization: string | undefined): Caller | undefined {
    if (authorization?.startsWith(scheme) !== true) return undefined
    const token = authorization.slice(scheme.length)
    const known = believed(token)
    if (known === undefined) return undefined
    const { caller, issuer } = known
    return issuer.reviews === undefined || issuer.reviews.hasAtHand(token) ? caller : undefined
  }

  /** A review is renewed more often than the verification, which nothing but time and keys can change. */
  function confirmed({ caller, issuer: { reviews } }: Verified, token: string): Caller | Promise<Caller> {
    return reviews === undefined ? caller : reviews.confirm(caller, token)
  }

  /** Verified not long ago, with keys that are still the issuer's. */
  function believed(token: string): Verified | undefined {
    const known = remembered.get(token)
    const isCurrent =
      known !== undefined &&
      known.generation === keyGeneration() &&
      clock.monotonic() < known.until &&
      clock.now() < known.expiresAt
    return isCurrent ? known : undefined
  }

  function keyGeneration(): number {
    let sum = 0
    for (const { keys } of issuers) sum += keys.generation
    return sum
  }

  /** Issuers that may have made it: usually one, but two may share an `iss` and differ in audience. */
  async function verify(token: string): Promise<Verified> {
    const generation = keyGeneration()
    const iss = issuerClaim(token)
    const reasons: string[] = []
    let unheard: TrustedIssuer | undefined

    async function verifiedBy(issuer: TrustedIssuer): Promise<Verified | undefined> {
      const { demands, keys } = issuer
      if (keys.held?.issuer !== iss) return undefined
      try {
        const { caller, expiresAt } = await verifyWith(keys, keys.held, (held) =>
          verifyToken(token, held, demands, clock.now()),
        )
        remembered.set(token, {
          caller,
          issuer,
          until: clock.monotonic() + rememberMs,
          expiresAt,
          generation,
        })
        return { caller, issuer }
      } catch (error) {
        // It may be of a key that we would know by now, could the issuer be asked.
        if (error instanceof errors.JWKSNoMatchingKey && !keys.isUpToDate) unheard ??= issuer
        reasons.push(`issuer ${demands.name}: ${error instanceof Error ? error.message : String(error)}`)
        return undefined
      }
    }

    const isSilent = ({ keys }: TrustedIssuer): boolean => keys.held === undefined
    const possible = issuers.filter((issuer) => (issuer.keys.held?.issuer ?? issuer.iss ?? iss) === iss)
    const silent = possible.filter(isSilent)
    for (const issuer of possible) {
      const verified = await verifiedBy(issuer)
      if (verified !== undefined) return verified
    }
    // Only a token that nobody else knows waits for those who have never answered.
    await Promise.all(silent.map(({ keys }) => keys.refetch()))
    for (const issuer of silent) {
      const verified = await verifiedBy(issuer)
      if (verified !== undefined) return verified
    }
    unheard ??= silent.find(isSilent)
    if (unheard !== undefined) {
      throw new IssuerUnavailable(`issuer ${unheard.demands.name}: ${unheard.keys.problem ?? 'no keys yet'}`)
    }
    throw new Unauthenticated(reasons.join('; ') || `no issuer is configured for iss ${JSON.stringify(iss)}`)
  }

  return {
    identify,
    atHand,
    get problems() {
      return issuers.flatMap(({ demands: { name }, keys, reviews }) => [
        ...(keys.problem === undefined ? [] : [`issuer ${name}: keys cannot be fetched`]),
        ...(reviews?.problem === undefined ? [] : [`issuer ${name}: tokens cannot be reviewed`]),
      ])
    },
    get canVerify() {
      return anonymous !== undefined || issuers.some(({ keys }) => keys.held !== undefined)
    },
    get remembered() {
      return remembered.size
    },
    close() {
      for (const { keys, reviews } of issuers) {
        keys.close()
        reviews?.close()
      }
    },
  }
}

/**
 * Verifies with the keys held; when none fits, once more with what the issuer publishes now. A signature that does not
 * hold may be one of a new key under an old id, or without any.
 */
async function verifyWith<T>(
  keys: KeyHolder,
  held: HeldKeys,
  attempt: (held: HeldKeys) => Promise<T>,
): Promise<T> {
  try {
    return await attempt(held)
  } catch (error) {
    const isOfAnotherKey =
      error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed
    if (!isOfAnotherKey) throw error
    if (keys.held === held) await keys.refetch()
    if (keys.held === held || keys.held === undefined) throw error
    return attempt(keys.held)
  }
}

/** Read before it is verified: it only chooses whose keys to try. */
function issuerClaim(token: string): string {
  let iss: unknown
  try {
    iss = decodeJwt(token).iss
  } catch {
    throw new Unauthenticated('the token is not a JWT')
  }
  if (typeof iss !== 'string' || iss.length > 2048) throw new Unauthenticated('the token has no iss')
  return iss
}
