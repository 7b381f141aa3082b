/**
 * Group commit: while one batch is being written the next one gathers, and everything in a batch is taken together.
 *
 * What a sink could not take is tried again until it can; nothing that has been handed over is given up, unless the
 * sink is gone for good.
 *
 * @module
 */

import type { Clock } from '../clock.ts'
import { AuditUnavailable } from './errors.ts'
import type { Link } from './chain.ts'
import { type Sink, SinkFailure } from './sink.ts'

export interface Commit {
  /**
   * @param head what the chain ends in with this line
   * @returns resolves once the sink has taken it
   * @throws {AuditUnavailable} it was not taken in time, and may be yet; or the sink is gone
   */
  add(line: string, head: Link | undefined): Promise<void>
  /** Why the sink takes nothing just now, if it does not. */
  readonly obstacle: string | undefined
  /** It never will again. */
  readonly isGone: boolean
  /** Bytes gathered or being written. */
  readonly pendingBytes: number
  /** Lines that the sink has taken. */
  readonly taken: number
  /** The newest link that the sink has taken. */
  readonly head: Link | undefined
  /** Resolves once the sink is gone for good, with what was wrong. */
  readonly gone: Promise<string>
  /** Resolves once everything added so far has been taken, or the sink is gone. */
  flush(): Promise<void>
}

export interface CommitOptions {
  readonly sink: Sink
  readonly clock: Clock
  /** A write that has not ended for so long is no progress. */
  readonly stallAfterMs: number
  /** The longest that somebody waits for a line to be taken. */
  readonly waitAtMostMs: number
  /** After each batch that the sink has taken. */
  readonly onTaken: () => void
  /** The sink could not take what it had been given; it is told once until it can. */
  readonly onFailure: (why: string) => void
}

interface Batch {
  text: string
  lines: number
  head: Link | undefined
  readonly taken: PromiseWithResolvers<void>
  readonly stopWaiting: () => void
}

/** So that progress shows while a slow reader takes what has piled up. */
const batchBytes = 256 * 1024
const retryMs = 250

export function createCommit({
  sink,
  clock,
  stallAfterMs,
  waitAtMostMs,
  onTaken,
  onFailure,
}: CommitOptions): Commit {
  /** The first one is being written, when anything is. */
  let batches: Batch[] = []
  let isRunning = false
  let isWriting = false
  let writingSince: number | undefined
  let failure: string | undefined
  let goneWith: string | undefined
  let pendingBytes = 0
  let taken = 0
  let head: Link | undefined
  let waitingForIdle: (() => void)[] = []
  const gone = Promise.withResolvers<string>()

  function gathering(): Batch {
    const last = batches.at(-1)
    if (last !== undefined && !(isWriting && batches.length === 1) && last.text.length < batchBytes)
      return last
    const wait = Promise.withResolvers<void>()
    // Not everybody waits.
    wait.promise.catch(() => {})
    const stopWaiting = clock.after(waitAtMostMs, () =>
      wait.reject(new AuditUnavailable('the record was not taken in time', { isRecorded: true })),
    )
    const batch: Batch = { text: '', lines: 0, head: undefined, taken: wait, stopWaiting }
    batches.push(batch)
    if (!isRunning) {
      isRunning = true
      // Everything that this turn of the event loop still brings joins the batch.
      setImmediate(() => void writeAll())
    }
    return batch
  }

  async function writeAll(): Promise<void> {
    for (let [batch] = batches; batch !== undefined; [batch] = batches) {
      isWriting = true
      if (!(await write(batch))) return
      batches.shift()
      isWriting = false
      taken += batch.lines
      head = batch.head ?? head
      batch.stopWaiting()
      batch.taken.resolve()
      onTaken()
    }
    isRunning = false
    idle()
  }

  /** @returns whether all of it has been taken; else nothing ever will be */
  async function write(batch: Batch): Promise<boolean> {
    for (;;) {
      writingSince = clock.monotonic()
      const before = batch.text.length
      try {
        await sink.write(batch.text)
        pendingBytes -= before
        writingSince = undefined
        failure = undefined
        return true
      } catch (error) {
        writingSince = undefined
        const why = error instanceof Error ? error.message : String(error)
        if (failure === undefined) onFailure(why)
        failure = why
        if (error instanceof SinkFailure && error.isFinal) return end(failure)
        batch.text = batch.text.slice(error instanceof SinkFailure ? error.taken : 0)
        pendingBytes -= before - batch.text.length
      }
      await new Promise<void>((resolve) => void clock.after(retryMs, resolve))
    }
  }

  function end(why: string): false {
    goneWith = why
    for (const batch of batches) {
      batch.stopWaiting()
      batch.taken.reject(new AuditUnavailable(`the audit sink is gone: ${why}`))
    }
    batches = []
    pendingBytes = 0
    isWriting = false
    idle()
    gone.resolve(why)
    return false
  }

  function idle(): void {
    for (const resolve of waitingForIdle) resolve()
    waitingForIdle = []
  }

  return {
    add(line, newHead) {
      if (goneWith !== undefined) {
        const lost = Promise.reject(new AuditUnavailable(`the audit sink is gone: ${goneWith}`))
        lost.catch(() => {})
        return lost
      }
      const batch = gathering()
      batch.text += line
      batch.lines += 1
      batch.head = newHead
      pendingBytes += line.length
      return batch.taken.promise
    },
    get obstacle() {
      if (goneWith !== undefined) return `the audit sink is gone: ${goneWith}`
      if (failure !== undefined) return `the audit sink fails: ${failure}`
      if (writingSince !== undefined && clock.monotonic() - writingSince >= stallAfterMs) {
        return 'the audit sink takes nothing'
      }
      return undefined
    },
    get isGone() {
      return goneWith !== undefined
    },
    get pendingBytes() {
      return pendingBytes
    },
    get taken() {
      return taken
    },
    get head() {
      return head
    },
    gone: gone.promise,
    flush: () =>
      batches.length === 0 ? Promise.resolve() : new Promise((resolve) => void waitingForIdle.push(resolve)),
  }
}
