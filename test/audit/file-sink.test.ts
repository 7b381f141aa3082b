import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import * as fc from 'fast-check'
import { StartFailure } from '../../src/errors.ts'
import { createFileSink, type FileSink, type FileSinkOptions } from '../../src/audit/file-sink.ts'
import { SinkFailure } from '../../src/audit/sink.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'

describe('a file of records', () => {
  let folder: string
  let path: string
  let clock: FakeClock
  const opened: FileSink[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'session-gateway-file-'))
    path = join(folder, 'audit.jsonl')
    clock = createFakeClock()
  })
  afterEach(async () => {
    await Promise.allSettled(opened.splice(0).map((sink) => sink.close()))
    rmSync(folder, { recursive: true })
  })

  async function open(options: Partial<FileSinkOptions> = {}): Promise<FileSink> {
    const sink = await createFileSink({ path, fsync: 'none', clock, ...options })
    opened.push(sink)
    return sink
  }
  const text = (): string => readFileSync(path, 'latin1')

  for (const fsync of ['none', 'interval', 'each-batch'] as const) {
    test(`is appended to, with fsync: ${fsync}, and can be read by its group and nobody else`, async () => {
      const sink = await open({ fsync })
      await sink.write('a\n')
      clock.advance(1_000)
      await sink.write('b\nc\n')
      assert.equal(text(), 'a\nb\nc\n')
      assert.equal(statSync(path).mode & 0o037, 0)
      const again = await open({ fsync })
      await again.write('d\n')
      assert.equal(text(), 'a\nb\nc\nd\n')
    })
  }

  test('has its last whole line found again, and half a line cut off', async () => {
    assert.deepEqual([(await open()).lastLine, (await open()).cutBytes], [undefined, 0])
    writeFileSync(path, 'first\nsecond\n{"half":')
    const sink = await open()
    assert.deepEqual([sink.lastLine, sink.cutBytes], ['second', 8])
    assert.equal(
      text(),
      'first\nsecond\n{"half":',
      'a gateway that does not get as far as to record has touched nothing',
    )
    await sink.write('third\n')
    assert.equal(text(), 'first\nsecond\nthird\n')
    writeFileSync(path, 'no line at all')
    const other = await open()
    assert.deepEqual([other.lastLine, other.cutBytes], [undefined, 14])
    await other.write('a\n')
    assert.equal(text(), 'a\n')
  })

  test('is cut nowhere else, however long it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 200_000 }), fc.nat({ max: 30_000 }), async (before, half) => {
        const whole = `${'x'.repeat(before)}\nlast\n`
        writeFileSync(path, whole + 'y'.repeat(half))
        const sink = await createFileSink({ path, fsync: 'none', clock })
        await sink.write('more\n')
        await sink.close()
        assert.deepEqual([sink.lastLine, sink.cutBytes], ['last', half])
        assert.equal(text(), `${whole}more\n`)
      }),
      { numRuns: 30 },
    )
  })

  test('never becomes larger than it may, and is begun anew once it has been moved away', async () => {
    const sink = await open({ maxBytes: 10 })
    await sink.write('12345\n')
    await assert.rejects(sink.write('1234\n'), (error) => {
      return (
        error instanceof SinkFailure &&
        error.taken === 0 &&
        !error.isFinal &&
        /maxSize: move it away/.test(error.message)
      )
    })
    await sink.write('123\n')
    assert.equal(text(), '12345\n123\n')
    await assert.rejects(sink.write('\n'), SinkFailure)
    renameSync(path, `${path}.1`)
    await sink.reopen()
    await sink.write('1234\n')
    assert.equal(text(), '1234\n')
    assert.equal(readFileSync(`${path}.1`, 'latin1'), '12345\n123\n')
  })

  test('is exchanged between two batches, not in the middle of one', async () => {
    const sink = await open()
    const writes = [sink.write('a\n'), sink.reopen(), sink.write('b\n')]
    renameSync(path, `${path}.1`)
    await Promise.all(writes)
    assert.equal(readFileSync(`${path}.1`, 'latin1'), 'a\n')
    assert.equal(text(), 'b\n')
  })

  test('goes on with the old one when it cannot be opened anew', async () => {
    const sink = await open()
    await sink.write('a\n')
    renameSync(path, `${path}.1`)
    mkdirSync(path)
    await assert.rejects(sink.reopen())
    await sink.write('b\n')
    assert.equal(readFileSync(`${path}.1`, 'latin1'), 'a\nb\n')
  })

  test('that somebody removes is begun anew, or nothing is taken for as long as it cannot be', async () => {
    const sink = await open()
    await sink.write('a\n')
    rmSync(path)
    await sink.write('b\n')
    assert.equal(text(), 'b\n')
    rmSync(path)
    mkdirSync(path)
    for (let again = 0; again < 3; again += 1) {
      await assert.rejects(sink.write('c\n'), (error) => error instanceof SinkFailure && error.taken === 0)
    }
    rmdirSync(path)
    await sink.write('c\n')
    assert.equal(text(), 'c\n')
  })

  test('that somebody empties is gone on with from there', async () => {
    const sink = await open({ maxBytes: 10 })
    await sink.write('12345\n')
    truncateSync(path)
    await sink.write('12345678\n')
    assert.equal(text(), '12345678\n')
  })

  test('that somebody else writes to, too, loses nothing of theirs', async () => {
    const sink = await open()
    await sink.write('a\n')
    appendFileSync(path, 'theirs\n')
    await sink.write('b\n')
    assert.equal(text(), 'a\ntheirs\nb\n')
  })

  function makePipe(): void {
    path = join(folder, 'pipe')
    execFileSync('mkfifo', [path])
  }

  test('that cannot be opened is a failure of the start, which names the key and the file', async () => {
    for (const [what, hinder] of [
      ['it is a folder', () => mkdirSync(path)],
      ['its folder is missing', () => (path = join(folder, 'missing', 'audit.jsonl'))],
      ['it is a pipe', () => makePipe()],
    ] as const) {
      hinder()
      await assert.rejects(
        open(),
        (error) => {
          return (
            error instanceof StartFailure &&
            error.message.startsWith(`audit.sink.file: ${path} cannot be opened (`)
          )
        },
        what,
      )
    }
  })
})
