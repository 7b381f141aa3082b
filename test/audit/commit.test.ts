import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import type { Link } from '../../src/audit/index.ts'
import { type Commit, createCommit } from '../../src/audit/commit.ts'
import { AuditUnavailable } from '../../src/audit/errors.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { createScriptedSink, type ScriptedSink } from './scripted-sink.ts'

interface Waiting {
  readonly promise: Promise<void>
  state: 'waits' | 'taken' | 'refused'
}

interface Made {
  readonly commit: Commit
  readonly sink: ScriptedSink
  readonly clock: FakeClock
  readonly add: (line: string) => Waiting
  readonly takenBatches: () => number
  readonly failures: readonly string[]
}

function made(): Made {
  const sink = createScriptedSink()
  const clock = createFakeClock()
  let batches = 0
  const failures: string[] = []
  const commit = createCommit({
    sink,
    clock,
    stallAfterMs: 1_000,
    waitAtMostMs: 30_000,
    onTaken: () => void (batches += 1),
    onFailure: (why) => void failures.push(why),
  })
  let sequence = 0
  function add(line: string): Waiting {
    sequence += 1
    const waiting: Waiting = { promise: added(commit, line, linkTo(sequence)), state: 'waits' }
    waiting.promise.then(
      () => (waiting.state = 'taken'),
      () => (waiting.state = 'refused'),
    )
    return waiting
  }
  return { commit, sink, clock, add, takenBatches: () => batches, failures }
}

function added(commit: Commit, line: string, head: Link | undefined): Promise<void> {
  return new Promise((resolve, reject) => commit.add(line, head, { taken: resolve, notTaken: reject }))
}

function linkTo(sequence: number): Link {
  return { chainUid: 'c', sequence, fingerprint: 'f' }
}

async function turns(count = 3): Promise<void> {
  for (let n = 0; n < count; n += 1) await turn()
}

describe('a group commit', () => {
  test('writes what one turn brings as one batch, and what comes meanwhile as the next', async () => {
    const { sink, add, commit } = made()
    const first = [add('a\n')]
    await Promise.resolve()
    first.push(add('b\n'))
    await sink.written(1)
    const second = [add('c\n'), add('d\n')]
    await turns()
    assert.deepEqual(sink.batches, ['a\nb\n'])
    sink.take()
    await Promise.all(first.map(({ promise }) => promise))
    await sink.written(2)
    assert.deepEqual(sink.batches, ['a\nb\n', 'c\nd\n'])
    assert.deepEqual([commit.taken, commit.head?.sequence], [2, 2])
    sink.take()
    await Promise.all(second.map(({ promise }) => promise))
    assert.deepEqual([commit.taken, commit.head?.sequence], [4, 4])
  })

  test('says that a line is taken when the sink has taken it, and not before', async () => {
    const { sink, add } = made()
    const first = add('a\n')
    await sink.written(1)
    const second = add('b\n')
    await turns()
    assert.deepEqual([first.state, second.state], ['waits', 'waits'])
    sink.take()
    await first.promise
    await sink.written(2)
    assert.equal(second.state, 'waits')
    sink.take()
    await second.promise
  })

  test('divides what piles up, so that progress shows', async () => {
    const { sink, add, commit } = made()
    add('first\n')
    await sink.written(1)
    const line = `${'x'.repeat(1023)}\n`
    for (let n = 0; n < 1024; n += 1) add(line)
    assert.equal(commit.pendingBytes, 6 + 1024 * 1024)
    sink.flow()
    await commit.flush()
    assert.equal(sink.batches.length, 1 + 4)
    assert.equal(commit.pendingBytes, 0)
  })

  test('keeps every line once, in order, however they come, and however the sink takes them or fails', async () => {
    const step = fc.constantFrom('line', 'turn', 'take', 'fail', 'half', 'retry')
    await fc.assert(
      fc.asyncProperty(fc.array(step), async (steps) => {
        const { sink, commit, clock, add } = made()
        const lines: string[] = []
        const waiting: Waiting[] = []
        for (const what of steps) {
          if (what === 'line') {
            lines.push(`${lines.length}\n`)
            waiting.push(add(lines.at(-1) ?? ''))
          } else if (what === 'turn') await turns(2)
          else if (what === 'take') sink.take()
          else if (what === 'retry') clock.advance(250)
          else
            sink.fail('ENOSPC', {
              taken: what === 'half' ? Math.floor((sink.batches.at(-1) ?? '').length / 2) : 0,
            })
        }
        await turns(2)
        sink.flow()
        for (let n = 0; n < 4; n += 1) {
          clock.advance(250)
          await turns(2)
        }
        await Promise.all(waiting.map(({ promise }) => promise))
        assert.equal(sink.taken, lines.join(''))
        assert.deepEqual([commit.pendingBytes, commit.taken, commit.obstacle], [0, lines.length, undefined])
      }),
      { numRuns: 300 },
    )
  })

  test('tries again what the sink could not take, from where it stopped, and meanwhile says so', async () => {
    const { sink, commit, clock, add, takenBatches, failures } = made()
    const waiting = add('abcd\n')
    await sink.written(1)
    sink.fail('ENOSPC: no space left on device, write', { taken: 2 })
    await turns()
    assert.equal(commit.obstacle, 'the audit sink fails: ENOSPC: no space left on device, write')
    assert.equal(commit.pendingBytes, 3)
    const next = add('e\n')
    clock.advance(249)
    await turns()
    assert.equal(sink.batches.length, 1)
    clock.advance(1)
    await sink.written(2)
    assert.equal(sink.batches[1], 'cd\n')
    assert.equal(waiting.state, 'waits')
    sink.take()
    await waiting.promise
    assert.equal(commit.obstacle, undefined)
    assert.equal(takenBatches(), 1)
    assert.deepEqual(failures, ['ENOSPC: no space left on device, write'])
    sink.flow()
    await next.promise
  })

  test('says that the sink takes nothing once a write has not ended in time', async () => {
    const { sink, commit, clock, add } = made()
    clock.advance(5_000)
    add('a\n')
    await sink.written(1)
    clock.advance(999)
    assert.equal(commit.obstacle, undefined)
    clock.advance(1)
    assert.equal(commit.obstacle, 'the audit sink takes nothing')
    add('b\n')
    sink.take()
    await sink.written(2)
    assert.equal(commit.obstacle, undefined, 'the next one has its own time')
    sink.flow()
  })

  test('lets nobody wait for longer than half a minute, and writes the line all the same', async () => {
    const { sink, clock, add, commit } = made()
    const waiting = add('a\n')
    await sink.written(1)
    clock.advance(29_999)
    await turns()
    assert.equal(waiting.state, 'waits')
    clock.advance(1)
    await assert.rejects(
      waiting.promise,
      (error) => error instanceof AuditUnavailable && error.isRecorded && error.status === 503,
    )
    sink.take()
    await commit.flush()
    assert.deepEqual([sink.taken, commit.taken], ['a\n', 1])
    assert.equal(clock.pending, 0, 'no timer is left')
  })

  test('gives up when the sink is gone, says so, and refuses what comes after', async () => {
    const { sink, commit, add, clock } = made()
    const waiting = [add('a\n')]
    await sink.written(1)
    waiting.push(add('b\n'))
    const flushed = commit.flush()
    sink.fail('write EPIPE', { isFinal: true })
    for (const { promise } of waiting) {
      await assert.rejects(promise, (error) => error instanceof AuditUnavailable && !error.isRecorded)
    }
    assert.equal(await commit.gone, 'write EPIPE')
    await flushed
    await assert.rejects(added(commit, 'c\n', undefined), AuditUnavailable)
    assert.equal(commit.obstacle, 'the audit sink is gone: write EPIPE')
    assert.deepEqual([commit.isGone, commit.pendingBytes, clock.pending], [true, 0, 0])
    await turns()
    assert.equal(sink.batches.length, 1)
  })

  test('is flushed once everything added has been taken', async () => {
    const { sink, commit, add } = made()
    await commit.flush()
    add('a\n')
    let isFlushed = false
    const flushed = commit.flush().then(() => (isFlushed = true))
    await sink.written(1)
    const late = add('b\n')
    sink.take()
    await sink.written(2)
    await turns()
    assert.deepEqual([isFlushed, late.state], [false, 'waits'])
    sink.take()
    await flushed
  })

  test('gathers one batch a turn also after it was idle, and leaves no timer behind', async () => {
    const { sink, add, commit, clock } = made()
    sink.flow()
    add('a\n')
    await commit.flush()
    add('b\n')
    add('c\n')
    await commit.flush()
    assert.deepEqual(sink.batches, ['a\n', 'b\nc\n'])
    assert.equal(clock.pending, 0)
  })

  test('tells once that the sink fails, and lets nobody wait for longer though it is tried again', async () => {
    const { sink, add, clock, failures } = made()
    const waiting = add('a\n')
    for (let n = 1; n <= 120; n += 1) {
      await sink.written(n)
      sink.fail('ENOSPC')
      await turns()
      clock.advance(250)
    }
    await turns()
    assert.deepEqual([waiting.state, failures], ['refused', ['ENOSPC']])
    sink.flow()
  })
})
