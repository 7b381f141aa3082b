import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { AuditUnavailable, createTrail, type Trail } from '../../src/audit/index.ts'
import { createHeldSink, type HeldSink } from './held-sink.ts'

interface Waiting {
  readonly promise: Promise<void>
  state: 'waits' | 'taken' | 'refused'
}

function handOver(trail: Trail, line: string): Waiting {
  const waiting: Waiting = { promise: trail.write(line), state: 'waits' }
  waiting.promise.then(
    () => (waiting.state = 'taken'),
    () => (waiting.state = 'refused'),
  )
  return waiting
}

function held(maxPendingBytes = 1_000_000): HeldSink & { trail: Trail } {
  const made = createHeldSink()
  return { ...made, trail: createTrail({ sink: made.sink, maxPendingBytes }) }
}

const refusal = (error: unknown): boolean =>
  error instanceof AuditUnavailable && error.status === 503 && error.retryAfterMs === 1000

describe('the trail', () => {
  test('writes what one turn brings as one batch, and what comes meanwhile as the next', async () => {
    const { sink, trail, batches, written, take } = held()
    const first = [handOver(trail, 'a\n')]
    await Promise.resolve()
    first.push(handOver(trail, 'b\n'))
    await written(1)
    const second = [handOver(trail, 'c\n'), handOver(trail, 'd\n')]
    await turn()
    await turn()
    assert.deepEqual(batches, ['a\nb\n'])
    assert.equal(sink.writableLength, 4, 'only one batch is in flight')
    take()
    await Promise.all(first.map(({ promise }) => promise))
    await written(2)
    assert.deepEqual(batches, ['a\nb\n', 'c\nd\n'])
    take()
    await Promise.all(second.map(({ promise }) => promise))
  })

  test('says that a record is handed over when the sink has taken it, and not before', async () => {
    const { trail, written, take } = held()
    const first = handOver(trail, 'a\n')
    await written(1)
    const second = handOver(trail, 'b\n')
    await turn()
    assert.deepEqual([first.state, second.state], ['waits', 'waits'])
    take()
    await first.promise
    await written(2)
    assert.equal(second.state, 'waits')
    take()
    await second.promise
  })

  test('keeps every record once, in order, however they come and however they are taken', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('record', 'turn', 'take')), async (steps) => {
        const { trail, batches, take, flow } = held()
        const lines: string[] = []
        const promises: Promise<void>[] = []
        for (const step of steps) {
          if (step === 'turn') await turn()
          else if (step === 'take') take()
          else {
            lines.push(`${lines.length}\n`)
            promises.push(trail.write(lines.at(-1) ?? ''))
          }
        }
        flow()
        await Promise.all(promises)
        assert.equal(batches.join(''), lines.join(''))
        assert.equal(trail.pendingBytes, 0)
      }),
      { numRuns: 200 },
    )
  })

  test('refuses what would exceed the bound, and takes records again when there is room', async () => {
    const { trail, written, take } = held(10)
    const accepted = [handOver(trail, '12345'), handOver(trail, '12345')]
    assert.equal(trail.pendingBytes, 10)
    await assert.rejects(trail.write('1'), refusal)
    assert.equal(trail.pendingBytes, 10, 'what was refused does not count')
    await written(1)
    await assert.rejects(trail.write('1'), refusal)
    take()
    await Promise.all(accepted.map(({ promise }) => promise))
    assert.equal(trail.pendingBytes, 0)
    const later = handOver(trail, '1')
    await written(2)
    take()
    await later.promise
  })

  test('says that the sink does not keep up while more than half of the bound waits', async () => {
    const { trail, written, take } = held(10)
    const first = handOver(trail, '12345')
    assert.equal(trail.problem, undefined)
    await written(1)
    const second = handOver(trail, '6')
    assert.equal(trail.problem, 'the audit sink does not keep up')
    take()
    await first.promise
    assert.equal(trail.problem, undefined)
    await written(2)
    take()
    await second.promise
  })

  test('refuses exactly the batch that the sink could not take, and recovers with the next', async () => {
    const { trail, batches, written, take } = held()
    const lost = [handOver(trail, 'a\n'), handOver(trail, 'b\n')]
    await written(1)
    const next = handOver(trail, 'c\n')
    take(new Error('ENOSPC: no space left on device, write'))
    for (const { promise } of lost) await assert.rejects(promise, refusal)
    await written(2)
    assert.equal(trail.problem, 'the audit sink failed: ENOSPC: no space left on device, write')
    assert.equal(trail.pendingBytes, 2)
    assert.equal(next.state, 'waits')
    take()
    await next.promise
    assert.equal(trail.problem, undefined)
    assert.deepEqual(
      batches,
      ['a\nb\n', 'c\n'],
      'what was refused is not written later: its caller was told 503',
    )
  })

  test('refuses records for a sink that has been destroyed, again and again', async () => {
    const { sink, trail } = held()
    sink.destroy()
    for (let again = 0; again < 3; again += 1) await assert.rejects(trail.write('a\n'), refusal)
    assert.match(trail.problem ?? '', /^the audit sink failed: /)
    assert.equal(trail.pendingBytes, 0)
  })

  test('outlives a sink that reports an error of its own', async () => {
    const { sink, trail, flow } = held()
    sink.emit('error', new Error('EPIPE'))
    assert.equal(trail.problem, 'the audit sink failed: EPIPE')
    flow()
    await trail.write('a\n')
    assert.equal(trail.problem, undefined)
  })

  test('refuses every batch for as long as the sink fails', async () => {
    const { trail, written, take } = held()
    for (let again = 1; again <= 3; again += 1) {
      const waiting = handOver(trail, 'a\n')
      await written(again)
      take(new Error('EPIPE'))
      await assert.rejects(waiting.promise, refusal)
      assert.equal(trail.problem, 'the audit sink failed: EPIPE')
    }
  })

  test('is flushed once everything handed over has been taken or has failed', async () => {
    const { trail, written, take } = held()
    await trail.flush()
    const first = handOver(trail, 'a\n')
    let isFlushed = false
    const flushed = trail.flush().then(() => (isFlushed = true))
    await written(1)
    const late = handOver(trail, 'b\n')
    take(new Error('gone'))
    await assert.rejects(first.promise, refusal)
    await written(2)
    await turn()
    assert.deepEqual([isFlushed, late.state], [false, 'waits'])
    take()
    await flushed
    assert.equal(late.state, 'taken')
  })
})
