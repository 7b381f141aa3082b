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
  /** @param head what the chain ends in with this line */
  add(line: string, head: Link | undefined, waiter?: Waiter): void
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

/** Whoever waits for a line. Is told one of the two, once, in the order of the lines; throws nothing. */
export interface Waiter {
  /** The sink has it. */
  taken(): void
  /** It was not taken in time, and may be yet; or the sink is gone. */
  notTaken(error: AuditUnavailable): void
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
  /** Those who still wait. */
  waiters: Waiter[]
  /** Nobody waits for it any more. */
  late: AuditUnavailable | undefined
  stopWaiting: () => void
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
  let isStalled = false
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
    const batch: Batch = {
      text: '',
      lines: 0,
      head: undefined,
      waiters: [],
      late: undefined,
      stopWaiting() {},
    }
    batch.stopWaiting = clock.after(waitAtMostMs, () => {
      batch.late = new AuditUnavailable('the record was not taken in time', { isRecorded: true })
      disappoint(batch, batch.late)
    })
    batches.push(batch)
    if (!isRunning) {
      isRunning = true
      // Everything that this turn of the event loop still brings joins the batch.
      setImmediate(() => void writeAll())
    }
    return batch
  }

  function disappoint(batch: Batch, error: AuditUnavailable): void {
    const { waiters } = batch
    batch.waiters = []
    for (const waiter of waiters) waiter.notTaken(error)
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
      onTaken()
      for (const waiter of batch.waiters) waiter.taken()
    }
    isRunning = false
    idle()
  }

  /** @returns whether all of it has been taken; else nothing ever will be */
  async function write(batch: Batch): Promise<boolean> {
    for (;;) {
      const progress = clock.after(stallAfterMs, () => {
        isStalled = true
      })
      const before = batch.text.length
      try {
        await sink.write(batch.text)
        pendingBytes -= before
        failure = undefined
        return true
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        if (failure === undefined) onFailure(why)
        failure = why
        if (error instanceof SinkFailure && error.isFinal) return end(failure)
        batch.text = batch.text.slice(error instanceof SinkFailure ? error.taken : 0)
        pendingBytes -= before - batch.text.length
      } finally {
        progress()
        isStalled = false
      }
      await new Promise<void>((resolve) => void clock.after(retryMs, resolve))
    }
  }

  function end(why: string): false {
    goneWith = why
    const lost = batches
    batches = []
    pendingBytes = 0
    isWriting = false
    for (const batch of lost) {
      batch.stopWaiting()
      disappoint(batch, new AuditUnavailable(`the audit sink is gone: ${why}`))
    }
    idle()
    gone.resolve(why)
    return false
  }

  function idle(): void {
    for (const resolve of waitingForIdle) resolve()
    waitingForIdle = []
  }

  return {
    add(line, newHead, waiter) {
      if (goneWith !== undefined) {
        return waiter?.notTaken(new AuditUnavailable(`the audit sink is gone: ${goneWith}`))
      }
      const batch = gathering()
      batch.text += line
      batch.lines += 1
      batch.head = newHead
      pendingBytes += line.length
      if (waiter === undefined) return
      if (batch.late === undefined) batch.waiters.push(waiter)
      else waiter.notTaken(batch.late)
    },
    get obstacle() {
      if (goneWith !== undefined) return `the audit sink is gone: ${goneWith}`
      if (failure !== undefined) return `the audit sink fails: ${failure}`
      return isStalled ? 'the audit sink takes nothing' : undefined
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
