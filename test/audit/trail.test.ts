import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, test } from 'node:test'
import { because, isRefusal, made, turns } from './made-trail.ts'

describe('a trail that answers wait for', () => {
  test('refuses at once, before anything is done, while the sink is stuck, and records how many', async () => {
    const { trail, sink, clock, record, told, records, events } = made()
    trail.admit()
    const held = trail.record(record())
    await sink.written(1)
    clock.advance(999)
    trail.admit()
    clock.advance(1)
    const from = clock.now()
    assert.throws(() => trail.admit(), isRefusal)
    clock.advance(500)
    await assert.rejects(trail.record(record()), isRefusal)
    assert.throws(() => trail.admit(), isRefusal)
    assert.equal(trail.problem, 'the audit sink takes nothing')
    assert.deepEqual(told, [['blocked', 'the audit sink takes nothing'], 'missed', 'missed', 'missed'])

    clock.advance(10_000)
    sink.flow()
    await held
    trail.admit()
    await turn()
    await turn()
    assert.deepEqual(told.at(-1), ['flowing', 3])
    assert.equal(trail.problem, undefined)
    assert.equal(records().length, 1)
    const [refused, ...more] = events('requests.refused')
    assert.deepEqual(more, [])
    assert.partialDeepStrictEqual(refused, {
      activity_id: 99,
      activity_name: 'Requests refused',
      severity_id: 4,
      status_id: 2,
      count: 3,
      start_time: from,
      end_time: from + 500,
    })
  })

  test('refuses while the sink fails, and while there is no room', async () => {
    const { trail, sink, clock, record } = made()
    const first = trail.record(record())
    await sink.written(1)
    sink.fail('ENOSPC')
    await turn()
    assert.throws(() => trail.admit(), isRefusal)
    clock.advance(250)
    await sink.written(2)
    sink.take()
    await first
    trail.admit()

    const held: Promise<void>[] = []
    for (;;) {
      const recorded = trail.record(record({ caller: { issuer: 'i', subject: 'é'.repeat(256) } }))
      const isRefused = await Promise.race([
        recorded.then(
          () => false,
          () => true,
        ),
        turn().then(() => false),
      ])
      if (isRefused) break
      held.push(recorded)
    }
    assert.ok(held.length > 10)
    assert.ok(trail.pendingBytes <= 64 * 1024, 'no more than the bound waits')
    assert.throws(() => trail.admit(), isRefusal)
    assert.equal(trail.problem, 'the audit sink does not keep up')
    sink.flow()
    await Promise.all(held)
    trail.admit()
    assert.equal(trail.problem, undefined)
  })

  test('tells what became of an answer after its record, even where there is no room', async () => {
    const { trail, sink, record, records } = made({ maxPendingBytes: 10 * 1024 })
    const first = record()
    const held = [trail.record(first)]
    await sink.written(1)
    for (let n = 0; n < 2; n += 1) held.push(trail.record(record()))
    while (trail.pendingBytes < 2 * 1024 + 1) held.push(trail.record(record()))
    assert.throws(() => trail.admit(), isRefusal)
    trail.amend({ ...first, status: 499, fate: 'withheld' })
    sink.flow()
    await Promise.all(held)
    await turn()
    assert.partialDeepStrictEqual(records().at(-1), {
      requestId: first.requestId,
      status: 499,
      withheld: true,
    })
    assert.equal(records().length, held.length + 1)
  })

  test('ends for good with its sink, and says so', async () => {
    const { trail, sink, record } = made()
    const held = trail.record(record())
    await sink.written(1)
    sink.fail('write EPIPE', { isFinal: true })
    await assert.rejects(held, isRefusal)
    assert.equal(await trail.gone, 'write EPIPE')
    assert.throws(() => trail.admit(), isRefusal)
    assert.match(trail.problem ?? '', /gone: write EPIPE/)
    await trail.close()
  })

  test('says that the sink does not keep up from half of its room on, and goes on only below', async () => {
    const { trail, sink, record, told } = made({ maxPendingBytes: 1024 * 1024, stallAfterMs: 1e9 })
    const held = [trail.record(record())]
    await sink.written(1)
    while (trail.pendingBytes <= 512 * 1024 + 256 * 1024) held.push(trail.record(record()))
    assert.equal(trail.problem, 'the audit sink does not keep up')
    trail.admit()
    for (let isFull = false; !isFull;) {
      try {
        trail.admit()
        held.push(trail.record(record()))
      } catch {
        isFull = true
      }
    }
    sink.take()
    await sink.written(2)
    sink.take()
    await sink.written(3)
    assert.ok(!told.some((what) => Array.isArray(what) && what[0] === 'flowing'))
    await trail.record(record(because('expired')))
    sink.flow()
    await Promise.all(held)
    await turns()
    assert.deepEqual(told.at(-1), ['flowing', 1])
  })

  test('a clock that is set back makes no period that ends before it begins', async () => {
    const { trail, sink, clock, record, events } = made()
    const held = trail.record(record())
    await sink.written(1)
    clock.advance(1_000)
    assert.throws(() => trail.admit(), isRefusal)
    clock.set(-60_000)
    assert.throws(() => trail.admit(), isRefusal)
    sink.flow()
    await held
    await turns()
    const [refused] = events('requests.refused')
    assert.equal(refused?.['start_time'], refused?.['end_time'])
  })
})

describe('a trail with best-effort', () => {
  test('lets every answer leave, counts what is lost, and records that', async () => {
    const { trail, sink, clock, record, told, records, events } = made({ delivery: 'best-effort' })
    await trail.record(record())
    await sink.written(1)
    clock.advance(60_000)
    trail.admit()
    let given = 1
    while (!told.includes('missed')) {
      await trail.record(record())
      given += 1
    }
    trail.amend(record({ status: 499, fate: 'withheld' }))
    assert.ok(trail.pendingBytes <= 64 * 1024)
    assert.deepEqual(told.filter((what) => what === 'missed').length, 2)
    sink.flow()
    await turn()
    await turn()
    assert.equal(records().length, given - 1)
    assert.partialDeepStrictEqual(events('records.lost'), [{ count: 2, status_id: 2 }])
  })

  test('goes on when the sink fails, and when it is gone', async () => {
    const { trail, sink, record, told } = made({ delivery: 'best-effort' })
    await trail.record(record())
    await sink.written(1)
    sink.fail('write EPIPE', { isFinal: true })
    assert.equal(await trail.gone, 'write EPIPE')
    trail.admit()
    await trail.record(record())
    trail.amend(record())
    assert.deepEqual(told.filter((what) => what === 'missed').length, 2)
  })
})
