import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, test } from 'node:test'
import type { AuditRecord, Trail } from '../../src/audit/index.ts'
import { createChain } from '../../src/audit/chain.ts'
import { AuditUnavailable } from '../../src/audit/errors.ts'
import { createRecordFormat } from '../../src/audit/record.ts'
import { createTrail, type TrailOptions } from '../../src/audit/trail.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { type Line, recordsIn } from '../world/recorded.ts'
import { createScriptedSink, type ScriptedSink } from './scripted-sink.ts'

const caller = { issuer: 'cluster', subject: 'reader' }

interface Made {
  readonly trail: Trail
  readonly sink: ScriptedSink
  readonly clock: FakeClock
  readonly record: (change?: Partial<AuditRecord>) => AuditRecord
  /** What the observer was told. */
  readonly told: unknown[]
  readonly records: () => Line[]
  /** The trail's own, by operation. */
  readonly events: (name: string) => Line[]
}

function made(options: Partial<TrailOptions> = {}): Made {
  const sink = createScriptedSink()
  const clock = createFakeClock()
  const told: unknown[] = []
  const trail = createTrail({
    sink,
    clock,
    format: createRecordFormat({ version: '1.2.3', tenantId: 'tenant', hostName: 'host-1' }),
    delivery: 'before-response',
    maxPendingBytes: 64 * 1024,
    stallAfterMs: 1_000,
    observer: {
      failing: (why) => void told.push(['failing', why]),
      blocked: (why) => void told.push(['blocked', why]),
      flowing: (missed) => void told.push(['flowing', missed]),
      missed: (count) => void told.push(...Array.from({ length: count }, () => 'missed')),
      head: (link) => void told.push(['head', link.sequence]),
    },
    ...options,
  })
  const lines = (): Line[] =>
    sink.taken
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  return {
    trail,
    sink,
    clock,
    told,
    record: (change = {}) => ({
      action: 'read',
      time: clock.now(),
      durationMs: 1,
      requestId: crypto.randomUUID(),
      peer: { ip: '127.0.0.1', port: 5 },
      status: 200,
      caller,
      ...change,
    }),
    records: () => recordsIn(sink.taken),
    events: (name) => lines().filter(({ api }) => api.operation === `audit.${name}`),
  }
}

const isRefusal = (error: unknown): boolean =>
  error instanceof AuditUnavailable &&
  error.status === 503 &&
  error.retryAfterMs === 1_000 &&
  !error.isRecorded

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
    trail.amend({ ...first, status: 499, isWithheld: true })
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
    trail.amend(record({ status: 499, isWithheld: true }))
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

describe('refusals of nobody in particular', () => {
  const nobody = { caller: undefined, status: 401 }
  const because = (reason: string): Partial<AuditRecord> => ({
    ...nobody,
    refusal: { code: 'unauthenticated', reason },
  })

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
})

describe('the chain of a trail', () => {
  test('is opened first, names the one before it, and is closed last', async () => {
    const chain = createChain()
    const previous = { chainUid: 'before', sequence: 7, fingerprint: 'f'.repeat(64) }
    const { trail, sink, record, told, events } = made({ chain, previous, cutBytes: 12 })
    sink.flow()
    await trail.record(record())
    trail.open()
    await trail.close()
    const lines = sink.taken
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      lines.map(({ api, metadata }) => [api.operation, metadata.sequence]),
      [
        ['audit.chain.open', 1],
        ['unknown', 2],
        ['audit.chain.close', 3],
      ],
    )
    assert.deepEqual(events('chain.open')[0]?.['unmapped'].trail, { previous, cutBytes: 12 })
    assert.deepEqual(events('chain.open')[0]?.['src_endpoint'], { name: 'host-1' })
    assert.deepEqual(told, [['head', 3]])
    let before: unknown
    for (const { unmapped } of lines) {
      const [{ chain_uid, prev_event, fingerprint }] = unmapped.attestation_list
      assert.equal(chain_uid, chain.uid)
      assert.deepEqual(prev_event?.fingerprint, before)
      before = fingerprint
    }
  })

  test('writes nothing when nothing was ever opened', async () => {
    const { trail, sink } = made({ chain: createChain() })
    await trail.close()
    assert.equal(sink.batches.length, 0)
  })

  test('tells its head each minute, as far as the sink has it', async () => {
    const { trail, sink, clock, record, told } = made({ chain: createChain() })
    trail.open()
    await sink.written(1)
    sink.take()
    await turn()
    clock.advance(59_999)
    const held = trail.record(record())
    await sink.written(2)
    clock.advance(1)
    assert.deepEqual(told, [['head', 1]], 'what has not been taken may never be')
    sink.flow()
    await held
    clock.advance(60_000)
    clock.advance(60_000)
    assert.deepEqual(
      told,
      [
        ['head', 1],
        ['head', 2],
        ['head', 2],
      ],
      'a silent chain is seen to live',
    )
    await trail.close()
    clock.advance(60_000)
    assert.equal(told.length, 4, 'and is silent once it is closed')
  })

  test('is signed at its start, once a minute when something was recorded, and at its end', async () => {
    const chain = createChain(generateKeyPairSync('ed25519').privateKey)
    const { trail, sink, clock, record } = made({ chain })
    sink.flow()
    trail.open()
    await turn()
    clock.advance(30_000)
    await trail.record(record())
    clock.advance(30_000)
    await turn()
    clock.advance(90_000)
    // Whatever keeps a checkpoint from being written: what is a minute old is signed with the next record.
    await trail.record(record())
    await trail.close()
    const lines = sink.taken
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      lines.map(({ api, unmapped }) => [
        api.operation.replace('audit.', ''),
        unmapped.attestation_list[0].signatures !== undefined,
      ]),
      [
        ['chain.open', true],
        ['unknown', false],
        ['chain.checkpoint', true],
        ['unknown', true],
        ['chain.close', true],
      ],
    )
  })
})

describe('what comes at the wrong moment', () => {
  const because = (reason: string): Partial<AuditRecord> => ({
    caller: undefined,
    status: 401,
    refusal: { code: 'unauthenticated', reason },
  })
  async function turns(): Promise<void> {
    for (let n = 0; n < 4; n += 1) await turn()
  }
  const operations = (text: string): unknown[] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).api.operation.replace('audit.', ''))

  test('what was refused, and strangers, are on record before the end of the chain, though the sink is stuck when it is closed', async () => {
    const { trail, sink, clock, record } = made({ chain: createChain() })
    const held = trail.record(record())
    await sink.written(1)
    await trail.record(record(because('expired')))
    clock.advance(1_000)
    assert.throws(() => trail.admit(), isRefusal)
    const closed = trail.close()
    sink.flow()
    await Promise.all([held, closed])
    await turns()
    assert.deepEqual(operations(sink.taken), [
      'chain.open',
      'unknown',
      'unknown',
      'requests.refused',
      'chain.close',
    ])
  })

  test('what comes while it is being closed is counted, and nothing stands behind the end', async () => {
    const { trail, sink, record, told } = made({ chain: createChain() })
    const held = trail.record(record())
    await sink.written(1)
    const closed = trail.close()
    await assert.rejects(trail.record(record()), isRefusal)
    await assert.rejects(trail.record(record(because('late'))), isRefusal)
    trail.amend(record({ status: 499, isWithheld: true }))
    sink.flow()
    await Promise.all([held, closed])
    await turns()
    assert.equal(told.filter((what) => what === 'missed').length, 2)
    assert.deepEqual(operations(sink.taken), ['chain.open', 'unknown', 'chain.close'])
  })
  test('what comes after it was closed is counted, and stands nowhere', async () => {
    const { trail, sink, record, told } = made({ chain: createChain() })
    sink.flow()
    await trail.record(record())
    await trail.close()
    await assert.rejects(trail.record(record()), isRefusal)
    await assert.rejects(trail.record(record(because('late'))), isRefusal)
    trail.amend(record({ status: 499, isWithheld: true }))
    await turns()
    assert.equal(told.filter((what) => what === 'missed').length, 2)
    assert.deepEqual(operations(sink.taken), ['chain.open', 'unknown', 'chain.close'])
  })

  test('of nobody in particular nothing is amended', async () => {
    const { trail, sink, record, records } = made()
    sink.flow()
    trail.amend(record({ ...because('expired'), status: 499, isWithheld: true }))
    await turns()
    assert.deepEqual(records(), [])
  })

  test('a chain that is not signed has no checkpoints', async () => {
    const { trail, sink, clock, record, events } = made({ chain: createChain() })
    sink.flow()
    await trail.record(record())
    clock.advance(60_000)
    await turns()
    assert.deepEqual(events('chain.checkpoint'), [])
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

  test('strangers wait while there is no room, offered again each second, each once, and leave no timer', async () => {
    const { trail, sink, clock, record, records } = made({ maxPendingBytes: 20 * 1024, stallAfterMs: 1e9 })
    const held = [trail.record(record())]
    await sink.written(1)
    while (trail.pendingBytes < 1_000) held.push(trail.record(record()))
    const many = Array.from({ length: 8 }, (_, n) => because(`${n}${'x'.repeat(500)}`))
    for (const each of many) await trail.record(record(each))
    assert.equal(clock.pending - 2, 1)
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
