/** A sink that takes nothing until it is told to. */

import { Writable } from 'node:stream'

export interface HeldSink {
  readonly sink: Writable
  /** What each write has brought, in order. */
  readonly batches: readonly string[]
  /** Resolves once so many writes have begun. */
  readonly written: (count: number) => Promise<void>
  /** Ends the write under way: the sink has taken it, or could not. */
  readonly take: (error?: Error) => void
  /** From now on every write is taken at once, the one under way included. */
  readonly flow: () => void
}

export function createHeldSink(): HeldSink {
  const batches: string[] = []
  let waiting: { readonly count: number; readonly resolve: () => void }[] = []
  let done: ((error?: Error) => void) | undefined
  let isFlowing = false
  const sink = new Writable({
    decodeStrings: false,
    destroy: survive,
    write(batch: string, encoding, callback) {
      // What is written as latin1 must say the same in UTF-8.
      batches.push(Buffer.from(batch, encoding).toString('utf8'))
      done = callback
      for (const { count, resolve } of waiting) if (count <= batches.length) resolve()
      waiting = waiting.filter(({ count }) => count > batches.length)
      if (isFlowing) take()
    },
  })
  /** As process.stdout does it: a failed write does not end the stream. */
  function survive(this: Writable, error: Error | null, callback: (error: Error | null) => void): void {
    callback(error)
    // oxlint-disable-next-line no-underscore-dangle -- Node's own name for it
    if (error !== null) (this as Writable & { _undestroy(): void })._undestroy()
  }
  function take(error?: Error): void {
    const callback = done
    done = undefined
    callback?.(error)
  }
  return {
    sink,
    batches,
    written: (count) =>
      new Promise((resolve) => {
        if (batches.length >= count) resolve()
        else waiting.push({ count, resolve })
      }),
    take,
    flow() {
      isFlowing = true
      take()
    },
  }
}
