/**
 * The trail: records handed over before their answers leave, without a write of their own each.
 *
 * Group commit: while one batch is being written, the next one gathers; a record's promise resolves when the batch it
 * is in has been taken. Never a synchronous write: on a pipe whose reader pauses that would freeze the whole process.
 *
 * @module
 */

import type { Writable } from 'node:stream'
import { GatewayError } from '../errors.ts'

/** The record of an answer cannot be handed over, so the answer may not leave. */
export class AuditUnavailable extends GatewayError {
  override readonly code = 'auditUnavailable'
  override readonly status = 503
  override readonly proxyError = 'proxy_internal_error'
  override readonly retryAfterMs = 1_000

  constructor(reason: string) {
    super('The gateway cannot record this request, so it does not answer it. Ask again.', reason)
  }
}

export interface Trail {
  /**
   * Hands one line over.
   *
   * @returns resolves once the sink has taken it
   * @throws {AuditUnavailable}
   */
  write(line: string): Promise<void>
  /** What is wrong with the sink, if anything. */
  readonly problem: string | undefined
  /** Bytes gathered or being written. */
  readonly pendingBytes: number
  /** Resolves once everything handed over so far has been taken, or has failed. */
  flush(): Promise<void>
}

export interface TrailOptions {
  readonly sink: Writable
  /** Records that wait for the sink, in bytes; beyond it, reads are refused rather than piled up. */
  readonly maxPendingBytes: number
}

interface Batch {
  text: string
  readonly taken: PromiseWithResolvers<void>
}

export function createTrail({ sink, maxPendingBytes }: TrailOptions): Trail {
  let gathering: Batch | undefined
  let writing: Batch | undefined
  let pendingBytes = 0
  let problem: string | undefined

  // Without a listener a broken pipe would end the process; what matters of it arrives in the write's callback, too.
  sink.on('error', (error) => fail(error.message))

  function fail(what: string): void {
    problem = `the audit sink failed: ${what}`
  }

  function writeNext(): void {
    if (writing !== undefined || gathering === undefined) return
    const batch = gathering
    writing = batch
    gathering = undefined
    // Records are ASCII, so latin1 writes the same bytes as UTF-8, and faster.
    sink.write(batch.text, 'latin1', (error) => {
      writing = undefined
      pendingBytes -= batch.text.length
      if (error instanceof Error) {
        fail(error.message)
        batch.taken.reject(new AuditUnavailable(problem ?? ''))
        // In the callback of a failed write a stream fails whatever it is given: the next batch gets a try of its own.
        setImmediate(writeNext)
      } else {
        problem = undefined
        batch.taken.resolve()
        writeNext()
      }
    })
  }

  return {
    write(line) {
      if (pendingBytes + line.length > maxPendingBytes) {
        return Promise.reject(
          new AuditUnavailable(`${pendingBytes} bytes of records wait for the audit sink`),
        )
      }
      pendingBytes += line.length
      if (gathering === undefined) {
        gathering = { text: '', taken: Promise.withResolvers<void>() }
        // Everything that this turn of the event loop still brings joins the batch.
        setImmediate(writeNext)
      }
      gathering.text += line
      return gathering.taken.promise
    },
    get problem() {
      return problem ?? (pendingBytes > maxPendingBytes / 2 ? 'the audit sink does not keep up' : undefined)
    },
    get pendingBytes() {
      return pendingBytes
    },
    async flush() {
      while (gathering !== undefined || writing !== undefined) {
        await Promise.allSettled([(gathering ?? writing)?.taken.promise])
      }
    },
  }
}
