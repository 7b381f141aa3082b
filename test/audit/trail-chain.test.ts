import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, test } from 'node:test'
import { createChain } from '../../src/audit/chain.ts'
import { because, isRefusal, made, operationsIn, turns } from './made-trail.ts'

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
    assert.deepEqual(operationsIn(sink.taken), [
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
    trail.amend(record({ status: 499, fate: 'withheld' }))
    sink.flow()
    await Promise.all([held, closed])
    await turns()
    assert.equal(told.filter((what) => what === 'missed').length, 2)
    assert.deepEqual(operationsIn(sink.taken), ['chain.open', 'unknown', 'chain.close'])
  })

  test('what comes after it was closed is counted, and stands nowhere', async () => {
    const { trail, sink, record, told } = made({ chain: createChain() })
    sink.flow()
    await trail.record(record())
    await trail.close()
    await assert.rejects(trail.record(record()), isRefusal)
    await assert.rejects(trail.record(record(because('late'))), isRefusal)
    trail.amend(record({ status: 499, fate: 'withheld' }))
    await turns()
    assert.equal(told.filter((what) => what === 'missed').length, 2)
    assert.deepEqual(operationsIn(sink.taken), ['chain.open', 'unknown', 'chain.close'])
  })

  test('a chain that is not signed has no checkpoints', async () => {
    const { trail, sink, clock, record, events } = made({ chain: createChain() })
    sink.flow()
    await trail.record(record())
    clock.advance(60_000)
    await turns()
    assert.deepEqual(events('chain.checkpoint'), [])
  })
})
