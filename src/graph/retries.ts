/**
 * The retry budget: one more try for every ten calls, so that a Graph that fails is never asked much more than one that
 * does not. A few are in hand, for whoever asks seldom.
 *
 * @module
 */

export interface RetryBudget {
  /** A trip asks Graph for the first time. */
  called(): void
  /** @returns whether there is one more try to be had; then it is taken */
  take(): boolean
  /** One that was taken has not been made. */
  giveBack(): void
}

const inHand = 10
const callsForOne = 10

export function createRetryBudget(): RetryBudget {
  /** In calls. */
  let saved = inHand * callsForOne
  return {
    called() {
      saved = Math.min(inHand * callsForOne, saved + 1)
    },
    take() {
      if (saved < callsForOne) return false
      saved -= callsForOne
      return true
    },
    giveBack() {
      saved += callsForOne
    },
  }
}
