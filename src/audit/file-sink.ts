/**
 * A file of records: appended to, whole records only.
 *
 * What a full disk has left of a batch is cut back to its last whole record and tried again, so that whoever reads the
 * file meets no half of one. Where the file ends is looked up before each batch: it may have been moved away, emptied or
 * removed, and into a file without a name records would go without a trace.
 *
 * @module
 */

import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { Clock } from '../clock.ts'
import { StartFailure } from '../errors.ts'
import { type Sink, SinkFailure } from './sink.ts'

export interface FileSinkOptions {
  readonly path: string
  /** When what is written is forced to the disk: never by us, once a second, or before an answer leaves. */
  readonly fsync: 'none' | 'interval' | 'each-batch'
  /** The file never becomes larger, in bytes. */
  readonly maxBytes?: number | undefined
  readonly clock: Clock
}

export interface FileSink extends Sink {
  /** The last whole line that was in the file when it was opened. */
  readonly lastLine: string | undefined
  /** Bytes of half a record behind it, which the first batch replaces: a process was killed in the middle of it. */
  readonly cutBytes: number
}

interface Opened {
  readonly handle: FileHandle
  /** Up to the end of the last whole line. */
  readonly size: number
  readonly lastLine: string | undefined
  readonly cutBytes: number
}

const syncIntervalMs = 1_000
const chunkBytes = 64 * 1024

/** @throws {StartFailure} it cannot be opened */
export async function createFileSink({ path, fsync, maxBytes, clock }: FileSinkOptions): Promise<FileSink> {
  const opened = await openToAppend(path).catch((error: NodeJS.ErrnoException) => {
    throw new StartFailure(`audit.sink.file: ${path} cannot be opened (${error.code ?? error.message})`)
  })
  let { handle, size } = opened
  /** So much of half a record, or of what could not be forced to the disk, stands behind `size`. */
  let tornBytes = opened.cutBytes
  let isUnsynced = false
  let syncFailure: Error | undefined

  let turn: Promise<unknown> = Promise.resolve()
  /** One thing at a time: a file is not exchanged in the middle of a write. */
  function inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = turn.then(action)
    turn = result.catch(() => {})
    return result
  }

  async function write(batch: string): Promise<void> {
    let taken = 0
    try {
      await findEnd()
      await cutTorn()
      tellSyncFailure()
      if (maxBytes !== undefined && size + batch.length > maxBytes) {
        throw new Error(`${path} has reached audit.sink.maxSize: move it away and send SIGHUP`)
      }
      while (taken < batch.length) {
        isUnsynced = true
        const { bytesWritten } = await handle.write(batch.slice(taken), null, 'latin1')
        taken += bytesWritten
      }
      if (fsync === 'each-batch') await sync()
      size += batch.length
    } catch (error) {
      // Of what could not be forced to the disk nobody knows how much is there: all of it is written again.
      const whole = taken === batch.length ? 0 : batch.slice(0, taken).lastIndexOf('\n') + 1
      tornBytes += taken - whole
      size += whole
      await cutTorn().catch(() => {})
      throw new SinkFailure(error instanceof Error ? error.message : String(error), { taken: whole })
    }
  }

  async function findEnd(): Promise<void> {
    const { nlink, size: actual } = await handle.stat()
    if (nlink === 0) return exchange()
    if (actual === size + tornBytes) return
    // Somebody has emptied it, or written to it.
    size = actual
    tornBytes = 0
    if (size === 0 || (await endOfLastLine(handle, size)) === size) return
    await handle.write('\n')
    size += 1
  }

  async function cutTorn(): Promise<void> {
    if (tornBytes === 0) return
    // Else somebody else has written, too, and it is theirs that would be cut.
    if ((await handle.stat()).size !== size + tornBytes) return
    await handle.truncate(size)
    tornBytes = 0
  }

  async function sync(): Promise<void> {
    await handle.datasync()
    isUnsynced = false
  }

  /** The system tells it once, and forgets what could not be written. */
  function tellSyncFailure(): void {
    const failure = syncFailure
    syncFailure = undefined
    if (failure !== undefined) throw failure
  }

  let isClosed = false
  let cancelSync = (): void => {}
  function syncLater(): void {
    if (isClosed) return
    cancelSync = clock.after(syncIntervalMs, () => {
      void inTurn(async () => {
        if (isUnsynced) await sync()
      })
        .catch((error: Error) => (syncFailure = error))
        .finally(syncLater)
    })
  }

  async function exchange(): Promise<void> {
    const next = await openToAppend(path)
    const old = handle
    ;({ handle, size, cutBytes: tornBytes } = next)
    try {
      if (fsync !== 'none' && isUnsynced) await old.datasync()
    } finally {
      await old.close()
    }
  }

  if (fsync === 'interval') syncLater()
  return {
    lastLine: opened.lastLine,
    cutBytes: opened.cutBytes,
    write: (batch) => inTurn(() => write(batch)),
    reopen: () => inTurn(exchange),
    async close() {
      isClosed = true
      cancelSync()
      await inTurn(async () => {
        try {
          if (fsync !== 'none' && isUnsynced) await sync()
        } finally {
          await handle.close()
        }
      })
    },
  }
}

async function openToAppend(path: string): Promise<Opened> {
  const { O_APPEND, O_CREAT, O_RDWR } = constants
  const handle = await open(path, O_APPEND | O_CREAT | O_RDWR, 0o640)
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) throw new Error('it is not a regular file')
    const size = await endOfLastLine(handle, stat.size)
    const lastLine = size === 0 ? undefined : await lineBefore(handle, size - 1)
    return { handle, size, lastLine, cutBytes: stat.size - size }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** @returns the first position behind the last line's end that stands before `position` */
async function endOfLastLine(handle: FileHandle, position: number): Promise<number> {
  for (let to = position; to > 0; to -= chunkBytes) {
    const from = Math.max(0, to - chunkBytes)
    const chunk = Buffer.alloc(to - from)
    await handle.read(chunk, 0, chunk.length, from)
    const at = chunk.lastIndexOf(0x0a)
    if (at !== -1) return from + at + 1
  }
  return 0
}

/** @returns undefined for a line that is too long for a record */
async function lineBefore(handle: FileHandle, end: number): Promise<string | undefined> {
  const start = await endOfLastLine(handle, end)
  if (end - start > chunkBytes) return undefined
  const line = Buffer.alloc(end - start)
  await handle.read(line, 0, line.length, start)
  return line.toString('latin1')
}
