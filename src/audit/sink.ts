/**
 * Where records go. A sink takes a batch whole, or says how much of it it has taken.
 *
 * @module
 */

import { fstatSync, write as writeWithCallback } from 'node:fs'
import type { Writable } from 'node:stream'
import { promisify } from 'node:util'

export interface Sink {
  /**
   * One batch at a time: whole lines of ASCII.
   *
   * @throws {SinkFailure}
   */
  write(batch: string): Promise<void>
  /** Lets go of what it writes to and takes it anew: it has been moved away. */
  reopen(): Promise<void>
  close(): Promise<void>
}

export class SinkFailure extends Error {
  override readonly name = 'SinkFailure'
  /** Characters of the batch that have been taken for good; the rest can be tried again. */
  readonly taken: number
  /** Whoever reads it is gone: nothing will ever be taken again. */
  readonly isFinal: boolean

  constructor(message: string, { taken = 0, isFinal = false }: { taken?: number; isFinal?: boolean }) {
    super(message)
    this.taken = taken
    this.isFinal = isFinal
  }
}

/** A pipe, a socket or a terminal. Any failure is final: what has been written halfway cannot be taken back. */
export function createStreamSink(stream: Writable): Sink {
  let gone: SinkFailure | undefined
  const isGone = (error: Error): SinkFailure => (gone ??= new SinkFailure(error.message, { isFinal: true }))
  // Without a listener a broken pipe would end the process; what matters of it arrives in the write's callback, too.
  stream.on('error', isGone)
  return {
    write: (batch) =>
      new Promise((resolve, reject) => {
        if (gone !== undefined) return reject(gone)
        // Never a synchronous write: on a pipe whose reader pauses that would freeze the whole process.
        // Records are ASCII, so latin1 writes the same bytes as UTF-8, and faster.
        stream.write(batch, 'latin1', (error) => (error instanceof Error ? reject(isGone(error)) : resolve()))
      }),
    async reopen() {},
    async close() {},
  }
}

const writeTo = promisify(writeWithCallback)

/** Standard output, where it is a file that somebody else has opened: nothing is cut, a rest follows when it can. */
export function createDescriptorSink(descriptor: number): Sink {
  return {
    async write(batch) {
      let taken = 0
      try {
        while (taken < batch.length) {
          taken += (await writeTo(descriptor, batch.slice(taken), null, 'latin1')).bytesWritten
        }
      } catch (error) {
        throw new SinkFailure(error instanceof Error ? error.message : String(error), { taken })
      }
    },
    async reopen() {},
    async close() {},
  }
}

export function isFile(descriptor: number): boolean {
  return fstatSync(descriptor).isFile()
}
