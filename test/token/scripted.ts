/** A token provider whose exchanges are played by the test, on a clock that stands still. */

import { setImmediate } from 'node:timers/promises'
import {
  type AppToken,
  createTokenProvider,
  type ExchangeFailed,
  neededRole,
  type TokenProvider,
} from '../../src/token/index.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'

export interface Scripted {
  readonly clock: FakeClock
  readonly provider: TokenProvider
  /** Exchanges begun so far. */
  readonly exchanges: number
  /** What the observer was told, in order. */
  readonly told: readonly (AppToken | { readonly failure: ExchangeFailed; readonly retryInMs: number })[]
  /** Ends the exchange under way with a token: an hour of life, and the role, unless told. */
  readonly grant: (value: string, changes?: { lifeMs?: number; roles?: readonly string[] }) => Promise<void>
  /** Ends the exchange under way with a failure. */
  readonly refuse: (error: unknown) => Promise<void>
  /** Turns the clock on, and lets what that began run. */
  readonly advance: (ms: number) => Promise<void>
}

export const hourMs = 3_600_000

/** @param random what spreads retries: 0 for the shortest */
export function scripted(random: () => number = () => 0): Scripted {
  const clock = createFakeClock()
  const told: (AppToken | { failure: ExchangeFailed; retryInMs: number })[] = []
  let exchanges = 0
  let underWay = Promise.withResolvers<AppToken>()
  const provider = createTokenProvider({
    clock,
    random,
    exchange() {
      exchanges += 1
      underWay = Promise.withResolvers()
      return underWay.promise
    },
    observer: {
      exchanged: (token) => void told.push(token),
      failed: (failure, retryInMs) => void told.push({ failure, retryInMs }),
    },
  })
  return {
    clock,
    provider,
    told,
    get exchanges() {
      return exchanges
    },
    async grant(value, { lifeMs = hourMs, roles = [neededRole] } = {}) {
      underWay.resolve({ value, expiresAt: clock.now() + lifeMs, roles })
      await setImmediate()
    },
    async refuse(error) {
      underWay.reject(error)
      await setImmediate()
    },
    async advance(ms) {
      clock.advance(ms)
      await setImmediate()
    },
  }
}
