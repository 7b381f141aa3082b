/**
 * An issuer's keys: the last good ones are held, whatever becomes of the issuer.
 *
 * They are fetched at the start (and soon again until there are some), every few minutes after that (a withdrawn key
 * must not live on), and when a token names a key we do not have; but never more often than once per cooldown,
 * failures included, or anybody could make us hammer the issuer with invented key ids.
 *
 * @module
 */

import { createPublicKey } from 'node:crypto'
import { createLocalJWKSet, type JSONWebKeySet, type JWK, type JWTVerifyGetKey } from 'jose'
import type { Clock } from '../clock.ts'
import { withoutTokens } from '../errors.ts'
import { isJsonObject } from '../json.ts'

/** What an issuer publishes. */
export interface Published {
  /** The exact `iss` of its tokens. */
  readonly issuer: string
  /** JSON Web Keys (RFC 7517), unseen so far. */
  readonly keys: readonly unknown[]
}

export interface HeldKeys {
  readonly issuer: string
  readonly keyFor: JWTVerifyGetKey
}

export interface KeyHolder {
  readonly held: HeldKeys | undefined
  /** Grows with every change of the keys: what was verified under another generation must be verified anew. */
  readonly generation: number
  /**
   * Asks the issuer, unless it was asked within the cooldown. Never rejects.
   *
   * @returns whether the keys changed
   */
  refetch(): Promise<boolean>
  /** What went wrong at the last fetch; `undefined` when it went well. */
  readonly problem: string | undefined
  close(): void
}

export interface KeyHolderOptions {
  readonly fetchPublished: () => Promise<Published>
  readonly clock: Clock
  readonly observer: (problem: string | undefined, hasChanged: boolean) => void
}

const cooldownMs = 30_000
const refreshEveryMs = 5 * 60_000
const firstRetryMs = 1_000
const mostKeys = 100

export function createKeyHolder({ fetchPublished, clock, observer }: KeyHolderOptions): KeyHolder {
  let held: HeldKeys | undefined
  let fingerprint = ''
  let generation = 0
  let problem: string | undefined
  let failures = 0
  let fetchedAt = Number.NEGATIVE_INFINITY
  let fetching: Promise<boolean> | undefined
  let cancelTimer = (): void => {}
  let isClosed = false

  async function fetchNow(): Promise<boolean> {
    fetchedAt = clock.monotonic()
    let hasChanged = false
    try {
      const published = await fetchPublished()
      hasChanged = hold(published)
      failures = 0
      problem = undefined
    } catch (error) {
      failures += 1
      problem = withoutTokens(error instanceof Error ? error.message : String(error))
    }
    if (!isClosed) {
      scheduleNext()
      observer(problem, hasChanged)
    }
    return hasChanged
  }

  function hold(published: Published): boolean {
    const keys = published.keys.filter(isVerificationKey).slice(0, mostKeys)
    // An issuer without keys is broken, not rotated: keeping the last good ones is what keeps callers going.
    if (keys.length === 0) throw new Error('the key set holds no usable signature key')
    const next = JSON.stringify([published.issuer, keys])
    if (next === fingerprint) return false
    fingerprint = next
    generation += 1
    held = { issuer: published.issuer, keyFor: createLocalJWKSet({ keys } satisfies JSONWebKeySet) }
    return true
  }

  function scheduleNext(): void {
    cancelTimer()
    const retryMs = held === undefined ? Math.min(cooldownMs, firstRetryMs * 2 ** (failures - 1)) : cooldownMs
    cancelTimer = clock.after(failures === 0 ? refreshEveryMs : retryMs, () => void fetchOnce())
  }

  function fetchOnce(): Promise<boolean> {
    fetching ??= fetchNow().finally(() => {
      fetching = undefined
    })
    return fetching
  }

  void fetchOnce()

  return {
    get held() {
      return held
    },
    get generation() {
      return generation
    },
    get problem() {
      return problem
    },
    async refetch() {
      if (fetching !== undefined) return fetching
      if (clock.monotonic() - fetchedAt < cooldownMs) return false
      return fetchOnce()
    },
    close() {
      isClosed = true
      cancelTimer()
    },
  }
}

function isVerificationKey(key: unknown): key is JWK {
  if (!isJsonObject(key)) return false
  const { kty, use } = key
  if (!(kty === 'RSA' || kty === 'EC' || kty === 'OKP') || !(use === undefined || use === 'sig')) return false
  try {
    createPublicKey({ key, format: 'jwk' })
    return true
  } catch {
    return false
  }
}
