import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, test } from 'node:test'
import { because, isRefusal, made, turns } from './made-trail.ts'

describe('refusals of nobody in particular', () => {
  test('are one record a peer, reason and second, with a count', async () => {
    const { trail, sink, clock, record, records } = made()
    sink.flow()
    const first = record(because('expired'))
    await trail.record(first)
    clock.advance(400)
    for (let n = 0; n < 49; n += 1) await trail.record(record(because('expired')))
    await trail.record(record(because('no token')))
    await trail.record(record({ ...because('expired'), peer: { ip: '10.0.0.1' } }))
    assert.deepEqual(records(), [])
    clock.advance(600)
    await turn()
    await turn()
    const told = records().map(({ peer, reason, count, requestId }) => [
      peer,
      reason,
      count,
      requestId === first.requestId,
    ])
    assert.deepEqual(told, [
      ['127.0.0.1', 'expired', 50, true],
      ['127.0.0.1', 'no token', undefined, false],
      ['10.0.0.1', 'expired', undefined, false],
    ])
    const [event] = sink.taken.split('\n').map((line) => JSON.parse(line || '{}'))
    assert.deepEqual([event.start_time, event.end_time], [first.time, first.time + 400])
    assert.deepEqual(event.actor, { user: { name: 'unidentified', type_id: 0 } })

    await trail.record(record(because('expired')))
    clock.advance(1_000)
    await turn()
    await turn()
    assert.equal(records().length, 4, 'the next second is another one')
  })

  test('take no more room than there is, whatever strangers think up', async () => {
    const { trail, sink, clock, record, records } = made({ maxPendingBytes: 16 * 1024 * 1024 })
    sink.flow()
    for (let n = 0; n < 3_000; n += 1) await trail.record(record(because(`iss "https://${n}.example"`)))
    await trail.record(record({ ...because('expired'), peer: { ip: '10.0.0.1' } }))
    clock.advance(1_000)
    await turn()
    await turn()
    assert.equal(records().length, 8 + 1 + 1)
    assert.partialDeepStrictEqual(records().at(-2), {
      count: 2_992,
      peer: '127.0.0.1',
      refusal: 'unauthenticated',
      reason: 'for several reasons',
    })
    assert.partialDeepStrictEqual(
      records().at(-1),
      { peer: '10.0.0.1', reason: 'expired' },
      'it hides nobody else',
    )
  })

  test('of more peers than there is room for are counted together', async () => {
    const { trail, sink, clock, record, records } = made({ maxPendingBytes: 16 * 1024 * 1024 })
    sink.flow()
    for (let n = 0; n < 1_500; n += 1) {
      await trail.record(record({ ...because('expired'), peer: { ip: `2001:db8::${n.toString(16)}` } }))
    }
    clock.advance(1_000)
    await turn()
    await turn()
    assert.equal(records().length, 1_001)
    assert.deepEqual([records().at(-1)?.['count'], records().at(-1)?.['peer']], [500, undefined])
  })

  test('are counted as lost, or refused, when the sink is gone', async () => {
    const { trail, sink, clock, record, told } = made()
    const held = trail.record(record())
    await sink.written(1)
    sink.fail('write EPIPE', { isFinal: true })
    await assert.rejects(held)
    for (let n = 0; n < 5; n += 1) await trail.record(record(because('expired')))
    clock.advance(1_000)
    assert.equal(told.filter((what) => what === 'missed').length, 5)
    await trail.close()
    assert.ok(!told.some((what) => Array.isArray(what) && what[0] === 'flowing'))
  })

  test('wait for a sink that is stuck, and are not lost', async () => {
    const { trail, sink, clock, record, records } = made()
    const held = trail.record(record())
    await sink.written(1)
    clock.advance(1_000)
    await trail.record(record(because('expired')))
    clock.advance(5_000)
    await trail.record(record(because('expired')))
    sink.flow()
    await held
    assert.equal(records().length, 1)
    clock.advance(1_000)
    await turn()
    await turn()
    assert.deepEqual(records().at(-1)?.['count'], 2)
  })

  test('are there when the trail is closed', async () => {
    const { trail, sink, record, records } = made()
    sink.flow()
    await trail.record(record(because('expired')))
    await trail.close()
    assert.equal(records().length, 1)
    assert.equal(sink.isClosed, true)
    await trail.record(record(because('late'))).catch(() => {})
    await assert.rejects(trail.record(record()), isRefusal, 'nothing stands behind the end')
  })

  test('of nobody in particular nothing is amended', async () => {
    const { trail, sink, record, records } = made()
    sink.flow()
    trail.amend(record({ ...because('expired'), status: 499, fate: 'withheld' }))
    await turns()
    assert.deepEqual(records(), [])
  })

  test('strangers wait while there is no room, offered again each second, each once, and leave no timer', async () => {
    const { trail, sink, clock, record, records } = made({ maxPendingBytes: 20 * 1024, stallAfterMs: 1e9 })
    const held = [trail.record(record())]
    await sink.written(1)
    while (trail.pendingBytes < 1_000) held.push(trail.record(record()))
    const many = Array.from({ length: 8 }, (_, n) => because(`${n}${'x'.repeat(500)}`))
    for (const each of many) await trail.record(record(each))
    // Two batches that somebody waits for, and a write that may not take too long.
    assert.equal(clock.pending - 3, 1)
    clock.advance(1_000)
    const part = trail.pendingBytes
    assert.ok(part < 4 * 1024, String(part))
    clock.advance(3_000)
    assert.equal(trail.pendingBytes, part, 'no more than half of the room is theirs')
    sink.flow()
    await Promise.all(held)
    await turns()
    for (let n = 0; n < 10; n += 1) {
      clock.advance(1_000)
      await turns()
    }
    const reasons = records()
      .slice(held.length)
      .map(({ reason, count }) => `${String(reason)[0]} ${String(count)}`)
    assert.deepEqual(
      reasons,
      many.map((_, n) => `${n} undefined`),
    )
    assert.equal(clock.pending, 0)
  })

  test('strangers differ by status and code, and a known peer keeps its name', async () => {
    const { trail, sink, clock, record, records } = made({ maxPendingBytes: 16 * 1024 * 1024 })
    sink.flow()
    for (const change of [
      { status: 401, refusal: { code: 'a', reason: 'same' } },
      { status: 400, refusal: { code: 'a', reason: 'same' } },
      { status: 400, refusal: { code: 'b', reason: 'same' } },
    ])
      await trail.record(record({ caller: undefined, ...change }))
    clock.advance(1_000)
    await turns()
    assert.equal(records().length, 3)
    for (let n = 0; n < 1_000; n += 1)
      await trail.record(record({ ...because('expired'), peer: { ip: `::${n.toString(16)}` } }))
    await trail.record(record({ ...because('expired'), peer: { ip: '::5' } }))
    clock.advance(1_000)
    await turns()
    assert.equal(records().length, 3 + 1_000)
    assert.equal(records().find(({ peer }) => peer === '::5')?.['count'], 2)
  })
})
