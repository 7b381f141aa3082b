import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { type Commit, createCommit } from '../../src/audit/commit.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { createScriptedSink, type ScriptedSink } from './scripted-sink.ts'

interface Told {
  readonly line: number
  /** `late`: it may be taken yet. */
  readonly what: 'taken' | 'late' | 'lost'
}

interface Waited {
  readonly commit: Commit
  readonly sink: ScriptedSink
  readonly clock: FakeClock
  /** In the order in which waiters were told. */
  readonly told: readonly Told[]
  readonly lines: number
  /** Lines without a waiter, and those that were added by a waiter while others waited to be told the same. */
  readonly apart: ReadonlySet<number>
  /** @param adds so many lines, with waiters of their own, by its waiter when that is told */
  readonly add: (options?: { waits?: boolean; adds?: number }) => void
}

const waitAtMostMs = 30_000

function waited(): Waited {
  const sink = createScriptedSink()
  const clock = createFakeClock()
  const told: Told[] = []
  const apart = new Set<number>()
  let lines = 0
  let isDisappointing = false
  const commit = createCommit({
    sink,
    clock,
    stallAfterMs: 1_000,
    waitAtMostMs,
    onTaken() {},
    onFailure() {},
  })

  function add({ waits = true, adds = 0 } = {}): void {
    lines += 1
    const line = lines
    if (!waits || isDisappointing) apart.add(line)
    const addMore = (): void => {
      for (let n = 0; n < adds; n += 1) add()
    }
    const waiter = {
      taken() {
        assert.ok(`\n${sink.taken}`.includes(`\n${line}\n`), 'the sink has it')
        told.push({ line, what: 'taken' as const })
        addMore()
      },
      notTaken({ isRecorded }: { isRecorded: boolean }) {
        told.push({ line, what: isRecorded ? ('late' as const) : ('lost' as const) })
        const was = isDisappointing
        isDisappointing = true
        addMore()
        isDisappointing = was
      },
    }
    if (waits) commit.add(`${line}\n`, undefined, waiter)
    else commit.add(`${line}\n`, undefined)
  }

  return {
    commit,
    sink,
    clock,
    told,
    apart,
    add,
    get lines() {
      return lines
    },
  }
}

async function turns(): Promise<void> {
  for (let n = 0; n < 3; n += 1) await turn()
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('add' as const),
      waits: fc.constantFrom(true, true, true, false),
      adds: fc.constantFrom(0, 0, 0, 1, 2),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ what: fc.constantFrom('turn', 'turn', 'take', 'take', 'fail', 'half', 'retry') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constantFrom('a while', 'too long', 'too long', 'gone') }),
  },
)

test('each waiter is told once what became of its line, in the order of the lines, whatever the sink does', async () => {
  const seen = { taken: 0, late: 0, lost: 0, addedWhenTold: 0 }
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const all = waited()
      const { commit, sink, clock, told, apart } = all
      let added = 0
      for (const one of steps) {
        const half = Math.floor((sink.batches.at(-1) ?? '').length / 2)
        if (one.what === 'add') {
          added += 1
          all.add(one)
        } else if (one.what === 'turn') await turns()
        else if (one.what === 'take') sink.take()
        else if (one.what === 'retry') clock.advance(250)
        else if (one.what === 'a while') clock.advance(waitAtMostMs / 2)
        else if (one.what === 'too long') clock.advance(waitAtMostMs)
        else sink.fail('ENOSPC', { taken: one.what === 'half' ? half : 0, isFinal: one.what === 'gone' })
      }
      await turns()
      sink.flow()
      for (let n = 0; n < 6; n += 1) {
        clock.advance(250)
        await turns()
      }

      const waiting = Array.from({ length: all.lines }, (_, n) => n + 1).filter(
        (line) => told.some((each) => each.line === line) || !apart.has(line),
      )
      assert.deepEqual(
        told.map(({ line }) => line).toSorted((a, b) => a - b),
        waiting,
        'each once',
      )
      const inOrder = told.map(({ line }) => line).filter((line) => !apart.has(line))
      assert.deepEqual(
        inOrder,
        inOrder.toSorted((a, b) => a - b),
        'in order',
      )
      for (const { line, what } of told) {
        seen[what] += 1
        if (what === 'lost') assert.ok(commit.isGone)
        const isWithSink = `\n${sink.taken}`.includes(`\n${line}\n`)
        if (what === 'late' && !commit.isGone) assert.ok(isWithSink, 'what is late comes all the same')
      }
      seen.addedWhenTold += all.lines - added
      assert.deepEqual([commit.pendingBytes, clock.pending], [0, 0])
    }),
    { numRuns: 500 },
  )
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 50, `${what}: ${count}`)
})

describe('a waiter', () => {
  test('that adds a line when it is told waits for that one, too, though nothing else comes', async () => {
    const { commit, sink, told, add } = waited()
    add({ adds: 1 })
    await sink.written(1)
    sink.take()
    await sink.written(2)
    assert.deepEqual(told, [{ line: 1, what: 'taken' }])
    sink.take()
    await commit.flush()
    assert.deepEqual(told, [
      { line: 1, what: 'taken' },
      { line: 2, what: 'taken' },
    ])
    assert.deepEqual(sink.batches, ['1\n', '2\n'])
  })

  test('whose line comes to a batch that is late already is told so at once, and is not told again', async () => {
    const { commit, sink, clock, told, add } = waited()
    add()
    await sink.written(1)
    add()
    clock.advance(waitAtMostMs)
    assert.deepEqual(told, [
      { line: 1, what: 'late' },
      { line: 2, what: 'late' },
    ])
    add()
    assert.deepEqual(told.slice(2), [{ line: 3, what: 'late' }])
    sink.flow()
    await commit.flush()
    assert.equal(told.length, 3)
    assert.equal(sink.taken, '1\n2\n3\n')
  })

  test('is told that its line is lost as soon as the sink is gone, and from then on at once', async () => {
    const { commit, sink, told, add } = waited()
    add({ adds: 1 })
    await sink.written(1)
    add()
    sink.fail('write EPIPE', { isFinal: true })
    await commit.gone
    assert.deepEqual(
      new Set(told.map(({ line, what }) => `${line} ${what}`)),
      new Set(['1 lost', '2 lost', '3 lost']),
    )
    add()
    assert.deepEqual(told.slice(3), [{ line: 4, what: 'lost' }])
  })
})
