import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, mock, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createFileSink, type FileSink, type FileSinkOptions } from '../../src/audit/file-sink.ts'
import { SinkFailure } from '../../src/audit/sink.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'

/** What the system answers next: so many bytes, a failure, or all of it. */
type Next = number | string | (() => string)
const probe = await openFile(fileURLToPath(import.meta.url))
interface Methods {
  write: (this: Methods, text: string, ...rest: unknown[]) => Promise<unknown>
  datasync: (this: Methods) => Promise<void>
  truncate: (this: Methods, size: number) => Promise<void>
}
const prototype: Methods = Object.getPrototypeOf(probe)
await probe.close()

describe('a disk that fails', () => {
  let folder: string
  let path: string
  let clock: FakeClock
  let sink: FileSink
  const next: { write: Next[]; datasync: string[]; truncate: string[] } = {
    write: [],
    datasync: [],
    truncate: [],
  }
  let syncs = 0
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'session-gateway-faults-'))
    path = join(folder, 'audit.jsonl')
    clock = createFakeClock()
    syncs = 0
    const { write, datasync, truncate } = prototype
    mock.method(prototype, 'write', function (this: Methods, text: string, ...rest: unknown[]) {
      const answer = next.write.shift()
      const size = typeof answer === 'function' ? answer() : answer
      if (typeof size === 'string') throw new Error(size)
      return write.call(this, text.slice(0, size), ...rest)
    })
    mock.method(prototype, 'datasync', async function (this: Methods) {
      syncs += 1
      const [answer] = next.datasync.splice(0, 1)
      if (answer !== undefined) throw new Error(answer)
      return datasync.call(this)
    })
    mock.method(prototype, 'truncate', async function (this: Methods, size: number) {
      const [answer] = next.truncate.splice(0, 1)
      if (answer !== undefined) throw new Error(answer)
      return truncate.call(this, size)
    })
  })
  afterEach(async () => {
    for (const answers of Object.values(next)) answers.length = 0
    await sink.close().catch(() => {})
    mock.restoreAll()
    rmSync(folder, { recursive: true })
  })
  const open = async (options: Partial<FileSinkOptions> = {}): Promise<FileSink> =>
    (sink = await createFileSink({ path, fsync: 'none', clock, ...options }))
  const text = (): string => readFileSync(path, 'latin1')
  const failsWith = (batch: string, taken: number, what = /ENOSPC/): Promise<void> =>
    assert.rejects(
      sink.write(batch),
      (error) => error instanceof SinkFailure && error.taken === taken && what.test(error.message),
    )

  test('that is full keeps whole records, says which, and is cut back to them at once', async () => {
    await open()
    await sink.write('0\n')
    next.write = [4, 1, 'ENOSPC']
    await failsWith('a\nb\nccc\n', 4)
    assert.equal(text(), '0\na\nb\n')
    await sink.write('ccc\n')
    assert.equal(text(), '0\na\nb\nccc\n')
  })

  test('that cannot be cut back either is cut back before the next batch, or takes nothing', async () => {
    await open({ maxBytes: 12 })
    next.write = [3, 'ENOSPC']
    next.truncate = ['EIO', 'EIO', 'EIO']
    await failsWith('a\nbbb\n', 2)
    await failsWith('bbb\n', 0, /EIO/)
    assert.equal(text(), 'a\nb')
    await sink.write('bbb\n')
    assert.equal(text(), 'a\nbbb\n')
    await sink.write('45678\n')
    assert.equal(text(), 'a\nbbb\n45678\n', 'and knows how long it is')
  })

  test('what stands half in the old file is not cut off the new one', async () => {
    await open()
    next.write = [1, 'ENOSPC']
    next.truncate = ['EIO']
    await failsWith('aa\n', 0)
    writeFileSync(`${path}.new`, 'theirs\n')
    renameSync(`${path}.new`, path)
    await sink.write('aa\n')
    assert.equal(text(), 'theirs\naa\n')
    writeFileSync(`${path}.new`, 'whole\nhalf')
    renameSync(`${path}.new`, path)
    await sink.write('b\n')
    assert.equal(text(), 'whole\nb\n')
  })

  test('half a record in a file that somebody empties is forgotten', async () => {
    await open()
    next.write = [1, 'ENOSPC']
    next.truncate = ['EIO']
    await failsWith('aa\n', 0)
    truncateSync(path)
    await sink.write('aa\n')
    assert.equal(text(), 'aa\n')
  })

  test('a batch that could not be forced to the disk is written again, and stands there once', async () => {
    await open({ fsync: 'each-batch' })
    next.datasync = ['EIO']
    await failsWith('a\nb\n', 0, /EIO/)
    assert.equal(text(), '')
    await sink.write('a\nb\n')
    assert.deepEqual([text(), syncs], ['a\nb\n', 2])
  })

  test('with interval is synced once a second when there is something, and a failure is told once', async () => {
    await open({ fsync: 'interval' })
    const second = async (): Promise<void> => {
      clock.advance(1_000)
      // The next one is waited for once this one is over.
      while (clock.pending === 0) await turn()
    }
    await second()
    assert.equal(syncs, 0)
    await sink.write('a\n')
    await second()
    await second()
    assert.equal(syncs, 1)
    await sink.write('b\n')
    next.datasync = ['EIO']
    await second()
    await failsWith('c\n', 0, /EIO/)
    await sink.write('c\n')
    await second()
    assert.deepEqual([text(), syncs], ['a\nb\nc\n', 3])
  })

  test('what is not synced yet is, when the file is exchanged and when it is closed', async () => {
    await open({ fsync: 'interval' })
    await sink.write('a\n')
    renameSync(path, `${path}.1`)
    await sink.reopen()
    assert.equal(syncs, 1)
    await sink.write('b\n')
    await sink.close()
    assert.deepEqual([syncs, clock.pending], [2, 0])
  })

  test('loses nothing of somebody else who writes in the same moment', async () => {
    await open()
    next.write = [1, () => (appendFileSync(path, 'theirs\n'), 'ENOSPC')]
    await failsWith('aa\n', 0)
    await sink.write('aa\n')
    assert.equal(text(), 'atheirs\naa\n')
    truncateSync(path, 3)
    await sink.write('b\n')
    assert.equal(text(), 'ath\nb\n', 'what does not end a line is no part of a record')
  })

  test('is let go of when it is exchanged, and when it turns out to be none', async () => {
    const held = (): number => readdirSync('/proc/self/fd').length
    await open()
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const before = held()
    for (let n = 0; n < 5; n += 1) await sink.reopen()
    for (let n = 0; n < 5; n += 1) {
      await assert.rejects(createFileSink({ path: pipe, fsync: 'none', clock }), /not a regular file/)
    }
    assert.equal(held(), before)
  })

  test('ends of lines are found at the edge of a piece, and no line is longer than a record may be', async () => {
    for (const half of [65_535, 65_536, 65_537]) {
      writeFileSync(path, `x\n${'y'.repeat(half)}`)
      assert.deepEqual([(await open()).lastLine, sink.cutBytes], ['x', half])
      await sink.close()
    }
    writeFileSync(path, `${'x'.repeat(70_000)}\n`)
    assert.deepEqual([(await open()).lastLine, sink.cutBytes], [undefined, 0])
  })

  test('whole records before a full disk are synced, too, when the file is exchanged', async () => {
    await open({ fsync: 'each-batch' })
    next.write = [2, 'ENOSPC']
    await failsWith('a\nb\n', 2)
    renameSync(path, `${path}.1`)
    await sink.reopen()
    assert.equal(syncs, 1)
  })
  test('no timer is left when it is closed in the middle of a sync', async () => {
    await open({ fsync: 'interval' })
    await sink.write('a\n')
    clock.advance(1_000)
    await sink.close()
    for (let n = 0; n < 10; n += 1) await turn()
    assert.equal(clock.pending, 0)
  })
  test('it is closed though the last sync fails', async () => {
    await open({ fsync: 'interval' })
    await sink.write('a\n')
    next.datasync = ['EIO']
    await assert.rejects(sink.close(), /EIO/)
    const held = readdirSync('/proc/self/fd').map((descriptor) => {
      try {
        return readlinkSync(`/proc/self/fd/${descriptor}`)
      } catch {
        return ''
      }
    })
    assert.ok(!held.includes(path))
  })
})
