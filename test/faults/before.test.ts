/** What ends a request before the cache is asked: then it makes no difference what is kept. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHeldSink } from '../audit/held-sink.ts'
import { placeSession } from '../graph/answers.ts'
import { until } from '../security/wire.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { startWorld, type World } from '../world/world.ts'
import { before } from './table.ts'

const [noKeys, noReview, noRecords] = before

async function assertPromised(world: World, promised: (typeof before)[number]): Promise<void> {
  const { status, code, retryAfter } = promised
  const { path } = placeSession(world)
  const calls = world.emulator.graph.calls
  const reply = await world.ask(path)
  assert.deepEqual([reply.status, reply.json.error.code], [status, code])
  assert.equal(reply.headers['retry-after'], String(retryAfter))
  assert.equal(world.emulator.graph.calls, calls)
}

test(noKeys.what, async () => {
  const clock = createFakeClock()
  await using world = await startWorld({
    clock,
    mayBeUnready: true,
    prepare: (emulator) => {
      emulator.fail('issuer', { kind: 'reset' }, Infinity)
      emulator.fail('cluster', { kind: 'reset' }, Infinity)
    },
  })
  await assertPromised(world, noKeys)
  // Else it may be on its way still, and late when the clock moves.
  await until('the app-only token', async () =>
    /^session_gateway_app_token_expiry_timestamp_seconds [1-9]/m.test((await world.manage('/metrics')).body),
  )
  world.emulator.recover('cluster')
  clock.advance(61_000)
  await until('the keys', async () => (await world.ask()).status === 200)
})

test(noReview.what, async () => {
  const clock = createFakeClock()
  await using world = await startWorld({ clock, config: { issuers: { cluster: { tokenReview: {} } } } })
  assert.equal((await world.ask()).status, 200)
  world.emulator.fail('cluster', { kind: 'status', status: 503 }, Infinity)
  clock.advance(10_000)
  await assertPromised(world, noReview)
  world.emulator.recover('cluster')
  clock.advance(1_000)
  assert.equal((await world.ask()).status, 200)
})

test(noRecords.what, async () => {
  const clock = createFakeClock()
  const { sink, flow, written } = createHeldSink()
  await using world = await startWorld({ clock, auditSink: sink, mayBeUnready: true })
  // The line with which the chain of records opens.
  await written(1)
  clock.advance(1_000)
  await assertPromised(world, noRecords)
  flow()
  await until('records again', async () => (await world.ask()).status === 200)
})
