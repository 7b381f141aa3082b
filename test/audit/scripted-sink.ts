/** A sink that takes nothing until it is told to, and fails when it is told to. */

import { type Sink, SinkFailure } from '../../src/audit/sink.ts'

export interface ScriptedSink extends Sink {
  /** What each write has brought, in order. */
  readonly batches: readonly string[]
  /** What has been taken for good. */
  readonly taken: string
  /** Resolves once so many writes have begun. */
  readonly written: (count: number) => Promise<void>
  /** The write under way is over. */
  readonly take: () => void
  readonly fail: (message: string, how?: { taken?: number; isFinal?: boolean }) => void
  /** From now on every write is taken at once, the one under way included. */
  readonly flow: () => void
  /** From now on writes wait again. */
  readonly hold: () => void
  readonly isClosed: boolean
}

export function createScriptedSink(): ScriptedSink {
  const batches: string[] = []
  let taken = ''
  let underWay: PromiseWithResolvers<void> | undefined
  let waiting: { readonly count: number; readonly resolve: () => void }[] = []
  let isFlowing = false
  let isClosed = false

  function take(): void {
    if (underWay === undefined) return
    taken += batches.at(-1)
    underWay.resolve()
    underWay = undefined
  }

  return {
    batches,
    get taken() {
      return taken
    },
    get isClosed() {
      return isClosed
    },
    write(batch) {
      if (underWay !== undefined) throw new Error('two writes at a time')
      batches.push(batch)
      underWay = Promise.withResolvers()
      const { promise } = underWay
      for (const { count, resolve } of waiting) if (count <= batches.length) resolve()
      waiting = waiting.filter(({ count }) => count > batches.length)
      if (isFlowing) take()
      return promise
    },
    async reopen() {},
    async close() {
      isClosed = true
    },
    written: (count) =>
      new Promise((resolve) => {
        if (batches.length >= count) resolve()
        else waiting.push({ count, resolve })
      }),
    take,
    fail(message, how = {}) {
      if (underWay === undefined) return
      taken += batches.at(-1)?.slice(0, how.taken ?? 0) ?? ''
      underWay.reject(new SinkFailure(message, how))
      underWay = undefined
    },
    flow() {
      isFlowing = true
      take()
    },
    hold() {
      isFlowing = false
    },
  }
}
