import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, test } from 'node:test'
import type { AuditUnavailable } from '../../src/audit/index.ts'
import { because, isRefusal, made, type MadeTrail, turns } from './made-trail.ts'

/** How a trail may be when a record is handed to it. */
const states: Readonly<Record<string, (trail: MadeTrail) => Promise<unknown>>> = {
  async flowing() {},
  async stuck({ trail, sink, clock, record }) {
    trail.amend(record())
    await sink.written(1)
    clock.advance(1_000)
  },
  async failing({ trail, sink, record }) {
    trail.amend(record())
    await sink.written(1)
    sink.fail('ENOSPC')
    await turn()
  },
  async full({ trail, sink, record }) {
    trail.amend(record())
    await sink.written(1)
    while (trail.pendingBytes <= 12 * 1024) trail.amend(record())
  },
  async gone({ trail, sink, record }) {
    trail.amend(record())
    await sink.written(1)
    sink.fail('write EPIPE', { isFinal: true })
    await trail.gone
  },
  async closed({ trail, sink }) {
    sink.flow()
    await trail.close()
  },
}

interface Told {
  taken: number
  readonly notTaken: AuditUnavailable[]
}

async function inState(state: string, delivery: 'before-response' | 'best-effort'): Promise<MadeTrail> {
  const trail = made({ delivery, maxPendingBytes: 20 * 1024 })
  await states[state]?.(trail)
  trail.told.length = 0
  return trail
}

function handed({ trail, record }: MadeTrail, change = {}): Told {
  const told: Told = { taken: 0, notTaken: [] }
  trail.hand(record(change), {
    taken: () => void (told.taken += 1),
    notTaken: (error) => void told.notTaken.push(error),
  })
  return told
}

const missed = ({ told }: MadeTrail): number => told.filter((what) => what === 'missed').length

describe('of a record that is handed over', () => {
  test('whoever waits is told once the sink has it, and not before', async () => {
    const trail = await inState('flowing', 'before-response')
    const [one, other] = [handed(trail), handed(trail)]
    await trail.sink.written(1)
    assert.deepEqual([one.taken, other.taken], [0, 0])
    trail.sink.take()
    await turns()
    assert.deepEqual(
      [one, other],
      [
        { taken: 1, notTaken: [] },
        { taken: 1, notTaken: [] },
      ],
    )
    assert.equal(trail.records().length, 2)
  })

  for (const state of ['stuck', 'failing', 'full', 'gone', 'closed']) {
    test(`to a trail that is ${state} whoever waits is told at once that it is not taken, and once`, async () => {
      const trail = await inState(state, 'before-response')
      const told = handed(trail)
      assert.deepEqual([told.taken, told.notTaken.length, missed(trail)], [0, 1, 1])
      assert.ok(isRefusal(told.notTaken[0]))
      trail.sink.flow()
      trail.clock.advance(250)
      await turns()
      assert.deepEqual([told.taken, told.notTaken.length, missed(trail)], [0, 1, 1])
    })
  }

  for (const [state, lost] of [
    ['flowing', 0],
    ['stuck', 0],
    ['failing', 0],
    ['full', 1],
    ['gone', 1],
    ['closed', 1],
  ] as const) {
    test(`to a trail that is ${state}, with best-effort, nobody waits, and ${lost} are lost`, async () => {
      const trail = await inState(state, 'best-effort')
      const before = trail.records().length
      const told = handed(trail)
      assert.deepEqual([told, missed(trail)], [{ taken: 1, notTaken: [] }, lost])
      trail.sink.flow()
      trail.clock.advance(250)
      await turns()
      assert.deepEqual([told, missed(trail)], [{ taken: 1, notTaken: [] }, lost])
      if (lost === 0) assert.ok(trail.records().length > before)
    })
  }

  for (const delivery of ['before-response', 'best-effort'] as const) {
    for (const state of ['flowing', 'stuck', 'failing', 'full', 'gone']) {
      test(`of nobody in particular, to a trail that is ${state}, nobody waits (${delivery})`, async () => {
        const trail = await inState(state, delivery)
        const told = handed(trail, because('no token'))
        assert.deepEqual([told, missed(trail)], [{ taken: 1, notTaken: [] }, 0])
        trail.sink.flow()
        for (const ms of [250, 1_000, 1_000]) {
          trail.clock.advance(ms)
          await turns()
        }
        assert.deepEqual(told, { taken: 1, notTaken: [] })
        const isRecorded = trail.records().some(({ reason }) => reason === 'no token')
        assert.equal(isRecorded, state !== 'gone')
        assert.equal(missed(trail), state === 'gone' ? 1 : 0)
      })
    }
  }

  test('of nobody in particular, to a trail that is closed, whoever waits is told that, too', async () => {
    const strict = await inState('closed', 'before-response')
    const told = handed(strict, because('no token'))
    assert.deepEqual([told.taken, told.notTaken.length, missed(strict)], [0, 1, 1])
    const easy = await inState('closed', 'best-effort')
    assert.deepEqual([handed(easy, because('no token')).taken, missed(easy)], [1, 1])
  })
})

describe('whether a record would be taken', () => {
  for (const delivery of ['before-response', 'best-effort'] as const) {
    for (const state of Object.keys(states)) {
      test(`is asked of a trail that is ${state} without being counted, and is what admit says (${delivery})`, async () => {
        const trail = await inState(state, delivery)
        const { admits } = trail.trail
        assert.equal(admits, trail.trail.admits)
        assert.deepEqual(trail.told, [])
        assert.equal(admits, delivery === 'best-effort' || state === 'flowing' || state === 'closed')
        if (admits) trail.trail.admit()
        else assert.throws(() => trail.trail.admit(), isRefusal)
        assert.equal(missed(trail), admits ? 0 : 1)
      })
    }
  }
})
