/**
 * The app-only token: held once for the whole gateway, renewed before it is needed.
 *
 * One exchange at a time, however many wait for it, and nobody waits long. A token is used to its end, also while its
 * renewal fails. When there is none and exchanges fail, callers are told at once and the exchange is tried again behind
 * them.
 *
 * @module
 */

import type { Clock } from '../clock.ts'
import type { AppToken, Exchange } from './app-token.ts'
import { ExchangeFailed, TokenUnavailable } from './errors.ts'
import { neededRole } from './roles.ts'

export interface TokenProvider {
  /**
   * A token with some life left.
   *
   * @throws {TokenUnavailable}
   */
  get(): Promise<string>
  /**
   * Graph answered 401 to this token. It is not sent again while another may be had; if none can, Graph may have erred.
   *
   * @returns whether another token may be had: `get` and ask Graph once more
   */
  reject(token: string): boolean
  /**
   * Called with each new token, long before the one before it ends.
   *
   * @returns ends it
   */
  onToken(listener: (token: string) => void): () => void
  readonly state: TokenState
  close(): void
}

export type TokenState = 'none' | 'valid' | 'roleMissing' | 'renewalFailing'

/** Told what happens, for logs and metrics. */
export interface TokenObserver {
  exchanged(token: AppToken): void
  failed(failure: ExchangeFailed, retryInMs: number): void
}

export interface TokenProviderOptions {
  readonly exchange: Exchange
  readonly clock: Clock
  /** 0 ≤ n < 1: spreads retries. */
  readonly random: () => number
  readonly observer: TokenObserver
  /** False: the token is for somebody else than Graph, and needs no role of Graph's. */
  readonly needsRole?: boolean
}

/** A token this close to its end is not sent: it could expire on the way. */
const expiryMarginMs = 10_000
/** Renewal begins this long before the end, or with a quarter of the life left, whichever is later. */
const renewBeforeMs = 10 * 60_000
/** A grant made a moment ago is in the next token only, so a token without the role is not kept. */
const renewRolelessMs = 60_000
/** Whoever needs a token waits for an exchange until it is this old; it goes on without them. */
const patienceMs = 3_000
const firstRetryMs = 1_000
const longestRetryMs = 60_000
/** However long Entra asks us to wait. */
const longestWaitMs = 10 * 60_000
/** Tokens that Graph calls invalid are replaced at most this often, or each 401 would cost an exchange. */
const forcedEveryMs = 30_000
const noAnswerYet = 'the token exchange has not been answered yet'

export function createTokenProvider({
  exchange,
  clock,
  random,
  observer,
  needsRole = true,
}: TokenProviderOptions): TokenProvider {
  let held: AppToken | undefined
  let exchanging: Promise<void> | undefined
  let failures = 0
  let lastFailure = noAnswerYet
  let retryAt = 0
  let forcedAt = Number.NEGATIVE_INFINITY
  /** Graph called this one invalid. It is not sent while another may be had. */
  let suspect = ''
  let cancelTimer = (): void => {}
  let endPatience = (): void => {}
  let isClosed = false
  const listeners = new Set<(token: string) => void>()

  /** The held token, if it may still be sent. */
  const usable = (): AppToken | undefined =>
    held !== undefined && clock.now() < held.expiresAt - expiryMarginMs ? held : undefined
  const lacksRole = (token: AppToken): boolean => needsRole && !token.roles.includes(neededRole)

  function renewIn(delayMs: number): void {
    cancelTimer()
    if (!isClosed) cancelTimer = clock.after(delayMs, () => void renew())
  }

  /** @returns settles, and never rejects, when a token may be there or has been waited for long enough */
  function renew(): Promise<void> {
    if (exchanging !== undefined) return exchanging
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancelPatience = clock.after(patienceMs, resolve)
    endPatience = () => {
      cancelPatience()
      resolve()
    }
    void exchange()
      .then(keep)
      .catch(backOff)
      .finally(() => {
        exchanging = undefined
        endPatience()
      })
    exchanging = promise
    return promise
  }

  function keep(token: AppToken): void {
    if (isClosed) return
    const lifeMs = token.expiresAt - clock.now()
    // One that is replaced as soon as it has come would be an exchange for each read.
    if (lifeMs <= 2 * expiryMarginMs) {
      return backOff(new ExchangeFailed(`the token lives for ${lifeMs} ms only, too short to be used`))
    }
    held = token
    // If it is the same one, another cannot be had just now: IMDS gives the one that it keeps.
    suspect = ''
    failures = 0
    lastFailure = noAnswerYet
    const renewInMs = Math.max(lifeMs - renewBeforeMs, lifeMs * 0.75)
    renewIn(Math.max(firstRetryMs, lacksRole(token) ? Math.min(renewInMs, renewRolelessMs) : renewInMs))
    observer.exchanged(token)
    for (const listener of listeners) listener(token.value)
  }

  function backOff(error: unknown): void {
    if (isClosed) return
    const failure =
      error instanceof ExchangeFailed
        ? error
        : new ExchangeFailed(`the token exchange failed: ${String(error)}`)
    const backOffMs = Math.min(longestRetryMs, firstRetryMs * 2 ** failures) * (0.75 + random() / 4)
    const waitMs = Math.min(Math.max(backOffMs, failure.retryAfterMs ?? 0), longestWaitMs)
    failures += 1
    lastFailure = failure.message
    retryAt = clock.monotonic() + waitMs
    renewIn(waitMs)
    observer.failed(failure, waitMs)
  }

  return {
    async get() {
      const token = usable()
      if (token !== undefined && token.value !== suspect) return token.value
      // After a failure nobody is made to wait for what will probably be the next one.
      if (failures === 0) await renew()
      const renewed = usable()
      if (renewed !== undefined) return renewed.value
      throw new TokenUnavailable(Math.max(firstRetryMs, retryAt - clock.monotonic()), lastFailure)
    },

    reject(token) {
      if (held?.value !== token) return true
      if (suspect === token && exchanging !== undefined) return true
      if (failures > 0 || clock.monotonic() - forcedAt < forcedEveryMs) return false
      forcedAt = clock.monotonic()
      suspect = token
      void renew()
      return true
    },

    onToken(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },

    get state() {
      const token = usable()
      if (token === undefined) return 'none'
      if (lacksRole(token)) return 'roleMissing'
      return failures > 0 ? 'renewalFailing' : 'valid'
    },

    close() {
      isClosed = true
      cancelTimer()
      endPatience()
    },
  }
}
