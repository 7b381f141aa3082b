/**
 * An issuer's keys: the last good ones are held, whatever becomes of the issuer.
 *
 * They are fetched at the start (and soon again until there are some), every few minutes after that (a withdrawn key
 * must not live on), and when a token is signed by none of ours: at once, so that a rotation fails nobody, but only once
 * per cooldown, and not within one of a failure, or anybody could make us hammer the issuer with invented key ids.
 *
 * @module
 */

import { createLocalJWKSet, type JSONWebKeySet, type JWK, type JWTVerifyGetKey } from 'jose'
import type { Clock } from '../clock.ts'
import { withoutTokens } from '../errors.ts'
import { verificationKey } from './public-key.ts'

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
   * Asks the issuer, unless it was asked within the cooldown. Never rejects, and takes a few seconds at most; an issuer
   * that answers later is heard later. Whether it brought other keys, `held` shows.
   */
  refetch(): Promise<void>
  /** What went wrong at the last fetch; `undefined` when it went well. */
  readonly problem: string | undefined
  /** The issuer has answered when it was last asked: a key that is not held is none of its own. */
  readonly isUpToDate: boolean
  close(): void
}

/** A key set that is not the one before. */
export interface NewKeys {
  readonly held: number
  /** Keys that cannot verify a token, or are too many. */
  readonly passedOver: number
}

/** Told what each fetch came to. */
export type KeyObserver = (problem: string | undefined, change: NewKeys | undefined) => void

export interface KeyHolderOptions {
  readonly fetchPublished: () => Promise<Published>
  readonly clock: Clock
  readonly observer: KeyObserver
}

const cooldownMs = 30_000
const refreshEveryMs = 5 * 60_000
const firstRetryMs = 1_000
/** Whoever shows an unknown key waits for a fetch until it is this old. */
const patienceMs = 2_000
const mostKeys = 100

export function createKeyHolder({ fetchPublished, clock, observer }: KeyHolderOptions): KeyHolder {
  let held: HeldKeys | undefined
  let fingerprint = ''
  let generation = 0
  let problem: string | undefined
  let failures = 0
  let fetchedAt = Number.NEGATIVE_INFINITY
  let demandedAt = Number.NEGATIVE_INFINITY
  let fetching: Promise<void> | undefined
  let cancelTimer = (): void => {}
  let endPatience = (): void => {}
  let isClosed = false

  async function fetchNow(): Promise<void> {
    fetchedAt = clock.monotonic()
    let change: NewKeys | undefined
    try {
      change = hold(await fetchPublished())
      failures = 0
      problem = undefined
    } catch (error) {
      failures += 1
      problem = withoutTokens(error instanceof Error ? error.message : String(error))
    }
    if (isClosed) return
    scheduleNext()
    observer(problem, change)
  }

  function hold(published: Published): NewKeys | undefined {
    const keys = usableKeys(published.keys)
    // An issuer without keys is broken, not rotated: keeping the last good ones is what keeps callers going.
    if (keys.length === 0) throw new Error('the key set holds no usable signature key')
    const next = JSON.stringify([published.issuer, keys])
    if (next === fingerprint) return undefined
    fingerprint = next
    generation += 1
    held = { issuer: published.issuer, keyFor: createLocalJWKSet({ keys } satisfies JSONWebKeySet) }
    return { held: keys.length, passedOver: published.keys.length - keys.length }
  }

  function scheduleNext(): void {
    cancelTimer()
    const retryMs = held === undefined ? Math.min(cooldownMs, firstRetryMs * 2 ** (failures - 1)) : cooldownMs
    cancelTimer = clock.after(failures === 0 ? refreshEveryMs : retryMs, () => void fetchOnce())
  }

  function fetchOnce(): Promise<void> {
    if (fetching !== undefined) return fetching
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancelPatience = clock.after(patienceMs, resolve)
    endPatience = () => {
      cancelPatience()
      resolve()
    }
    void fetchNow().finally(() => {
      fetching = undefined
      endPatience()
    })
    fetching = promise
    return promise
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
    get isUpToDate() {
      return problem === undefined && fetching === undefined
    },
    async refetch() {
      if (fetching !== undefined) return fetching
      const now = clock.monotonic()
      // One that we asked by ourselves, and that answered, may have rotated since.
      if (now - demandedAt < cooldownMs || (failures > 0 && now - fetchedAt < cooldownMs)) return
      demandedAt = now
      return fetchOnce()
    },
    close() {
      isClosed = true
      cancelTimer()
      endPatience()
    },
  }
}

function usableKeys(published: readonly unknown[]): JWK[] {
  const keys: JWK[] = []
  for (const key of published) {
    const usable = verificationKey(key)
    if (usable !== undefined) keys.push(usable)
    if (keys.length === mostKeys) break
  }
  return keys
}
