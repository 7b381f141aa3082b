/**
 * For how long, from which seed, and how the gateway is configured: its windows are short, so that minutes say something.
 *
 * @module
 */

export interface Plan {
  readonly seed: number
  readonly durationMs: number
  readonly startedAt: number
  readonly isOver: boolean
}

export function planFrom({ MINUTES = '10', SEED }: NodeJS.ProcessEnv): Plan {
  const minutes = Number(MINUTES)
  const seed = SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(SEED)
  if (!(minutes > 0) || !Number.isSafeInteger(seed)) throw new TypeError('MINUTES and SEED are numbers')
  const startedAt = performance.now()
  const durationMs = minutes * 60_000
  return {
    seed,
    durationMs,
    startedAt,
    get isOver() {
      return performance.now() - startedAt > durationMs
    },
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms))
}

/** One at a time, in turn. */
export type Turns = <Result>(action: () => Promise<Result>) => Promise<Result>

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  return (action) => {
    const mine = last.then(action)
    last = mine.catch(() => undefined)
    return mine
  }
}

export const deadlineMs = 3_000
export const drainDelayMs = 500
export const windows = {
  freshForMs: 2_000,
  staleWhileRevalidateMs: 4_000,
  staleIfErrorMs: 20_000,
  maxRetentionMs: 16_000,
  notFoundForMs: 1_000,
}
