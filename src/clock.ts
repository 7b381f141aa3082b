/**
 * Time, handed in wherever it matters, so that tests turn the clock instead of waiting for it.
 *
 * @module
 */

export interface Clock {
  /** Epoch milliseconds: for instants that others name too. It jumps when somebody sets the clock. */
  readonly now: () => number
  /** Milliseconds since some moment: for everything that lasts. It never jumps. */
  readonly monotonic: () => number
  /**
   * Calls `action` once, `delayMs` from now. A pending action keeps no process alive.
   *
   * @returns cancels it; harmless when it has already run
   */
  readonly after: (delayMs: number, action: () => void) => () => void
}

/** The longest delay a Node timer takes (2³¹ − 1 ms); anything longer would fire at once. */
const longestDelayMs = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, Math.min(Math.max(0, delayMs), longestDelayMs))
    timer.unref()
    return () => clearTimeout(timer)
  },
}
