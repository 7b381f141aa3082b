/**
 * What is read from files again and again. It is polled by content, not watched by path: Kubernetes swaps a symlink above
 * them. What does not work keeps in use what did.
 *
 * @module
 */

import type { Clock } from './clock.ts'
import { messageOf } from './errors.ts'

export interface Polled<T> {
  readonly current: T
  /** What is wrong with the files as they are now; what is in use is older. */
  readonly problem: string | undefined
  onChange(listener: (next: T) => void): void
  close(): void
}

export interface PollingOptions<T> {
  /** What was read at the start. */
  readonly first: T
  /** @throws why it does not work, for the operator */
  readonly read: () => Promise<T>
  readonly isSame: (one: T, other: T) => boolean
  readonly clock: Clock
  /** Told when something else is in use, and when what is wrong changes; `undefined` is nothing. */
  readonly observer: (problem: string | undefined) => void
}

const everyMs = 10_000

export function poll<T>({ first, read, isSame, clock, observer }: PollingOptions<T>): Polled<T> {
  let current = first
  let problem: string | undefined
  let cancel = (): void => {}
  let isClosed = false
  const listeners: ((next: T) => void)[] = []

  async function look(): Promise<void> {
    try {
      const next = await read()
      const hasChanged = !isSame(next, current)
      if (hasChanged) {
        current = next
        for (const listener of listeners) listener(next)
      }
      if (hasChanged || problem !== undefined) observer(undefined)
      problem = undefined
    } catch (error) {
      const found = messageOf(error)
      if (found !== problem) observer(found)
      problem = found
    }
    schedule()
  }

  function schedule(): void {
    if (!isClosed) cancel = clock.after(everyMs, () => void look())
  }
  schedule()

  return {
    get current() {
      return current
    },
    get problem() {
      return problem
    },
    onChange: (listener) => void listeners.push(listener),
    close() {
      isClosed = true
      cancel()
    },
  }
}
