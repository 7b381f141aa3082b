import type { Clock } from '../../src/clock.ts'

export interface FakeClock extends Clock {
  /** Moves time on, running what falls due on the way in order. */
  advance(ms: number): void
  /** Somebody sets the clock: the time of day jumps, and nothing that lasts does. */
  set(byMs: number): void
  /** Actions that wait for their time. */
  readonly pending: number
}

/** Stands still until it is advanced. Begins at a real instant, so that real tokens are valid. */
export function createFakeClock(startsAt = Date.now()): FakeClock {
  let time = startsAt
  let setBy = 0
  let waiting: { readonly at: number; readonly action: () => void }[] = []
  return {
    now: () => time + setBy,
    monotonic: () => time,
    after(delayMs, action) {
      const entry = { at: time + Math.max(0, delayMs), action }
      waiting.push(entry)
      return () => {
        waiting = waiting.filter((other) => other !== entry)
      }
    },
    advance(ms) {
      const until = time + ms
      for (;;) {
        const [next] = waiting.filter(({ at }) => at <= until).toSorted((a, b) => a.at - b.at)
        if (next === undefined) break
        waiting = waiting.filter((other) => other !== next)
        time = next.at
        next.action()
      }
      time = until
    },
    set(byMs) {
      setBy += byMs
    },
    get pending() {
      return waiting.length
    },
  }
}
