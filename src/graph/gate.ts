/**
 * The gate: one for the whole application, between every trip and Graph. It is the circuit breaker, too.
 *
 * Graph throttles an application, not a key, and counts each retry against it; so when it says stop, nothing more is
 * asked until the time it gave has passed. Then one trip goes first, and the others follow once it is back. Who may wait
 * for that is for the line before it to say (`line.ts`).
 *
 * @module
 */

import { GraphThrottled } from './errors.ts'

export interface Gate {
  /**
   * Asks to pass. Whoever passes must report exactly one outcome.
   *
   * @throws {GraphThrottled} shut
   */
  enter(): Pass
  /** Whether whoever came now would be turned away. */
  readonly isShut: boolean
  /** What `enter` throws. */
  refusal(): GraphThrottled
  /** Milliseconds until the next trip may go; 0 when it may, or is on its way. */
  readonly shutForMs: number
  /** Calls this whenever it may have opened or shut. */
  whenReported(look: () => void): void
  /** Graph has asked another replica to wait, and it throttles the application. */
  throttledElsewhere(forMs: number): void
}

export interface Pass {
  /** It goes first, and alone: others wait for what becomes of it. */
  readonly isProbe: boolean
  /** Graph answered, whatever it said of the question. */
  served(): void
  /** Graph failed: 5xx, a reset, no answer in time. */
  failed(): void
  /**
   * Graph asked us to wait.
   *
   * @param retryAfterMs as it said; `undefined` when it did not say
   * @returns for how long the gate is shut now, in milliseconds
   */
  throttled(retryAfterMs: number | undefined): number
  /** The trip ended without an answer about Graph (no token, dropped). */
  abandoned(): void
}

const failuresThatShut = 5
const shortestMs = 100
const longestMs = 5 * 60_000
const firstBackOffMs = 1_000
const longestBackOffMs = 60_000

const toldToWait = 'Graph asked this application to slow down'

/** @param throttled called when Graph has asked this replica to wait, with how long the gate is shut now, in milliseconds */
export function createGate(now: () => number, throttled: (forMs: number) => void = () => {}): Gate {
  let shutUntil = 0
  let shuttings = 0
  /** Shut at least once since the last success: only a probe may pass. */
  let isProbing = false
  let probe: Pass | undefined
  let consecutiveFailures = 0
  let backOffs = 0
  let reason = ''
  const looking: (() => void)[] = []

  function shut(forMs: number, why: string): void {
    shutUntil = Math.max(shutUntil, now() + forMs)
    shuttings += 1
    isProbing = true
    reason = why
  }

  function backOff(): number {
    const forMs = Math.min(longestBackOffMs, firstBackOffMs * 2 ** backOffs)
    backOffs += 1
    return forMs
  }

  function refusal(): GraphThrottled {
    const waitMs = shutUntil - now()
    return waitMs > 0
      ? new GraphThrottled(waitMs, reason)
      : new GraphThrottled(firstBackOffMs, `${reason}; being probed`)
  }

  function createPass(): Pass {
    const shuttingsBefore = shuttings
    /** It passed before the gate last shut, so what becomes of it says nothing about now. */
    const isLate = (): boolean => shuttings !== shuttingsBefore
    let isReported = false
    const report = (outcome: () => void) => (): void => {
      if (isReported) return
      isReported = true
      if (probe === pass) probe = undefined
      outcome()
      for (const look of looking) look()
    }
    const pass: Pass = {
      isProbe: isProbing,
      served: report(() => {
        if (isLate()) return
        consecutiveFailures = 0
        backOffs = 0
        isProbing = false
      }),
      failed: report(() => {
        if (isLate()) return
        consecutiveFailures += 1
        if (isProbing || consecutiveFailures >= failuresThatShut) {
          shut(backOff(), 'Graph failed several times in a row')
        }
      }),
      throttled(retryAfterMs) {
        report(() => {
          // Trips that were under way together are told together: that is one back-off, and not one for each.
          if (retryAfterMs === undefined && isLate()) return
          shut(
            retryAfterMs === undefined ? backOff() : Math.min(longestMs, Math.max(shortestMs, retryAfterMs)),
            toldToWait,
          )
          throttled(shutUntil - now())
        })()
        return Math.max(0, shutUntil - now())
      },
      abandoned: report(() => {}),
    }
    return pass
  }

  const isShut = (): boolean => now() < shutUntil || (isProbing && probe !== undefined)

  return {
    enter() {
      if (isShut()) throw refusal()
      const pass = createPass()
      if (isProbing) probe = pass
      return pass
    },
    get isShut() {
      return isShut()
    },
    refusal,
    get shutForMs() {
      return Math.max(0, shutUntil - now())
    },
    whenReported: (look) => void looking.push(look),
    throttledElsewhere(forMs) {
      shut(Math.min(longestMs, forMs), toldToWait)
      for (const look of looking) look()
    },
  }
}
