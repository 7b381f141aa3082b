import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import { createGate, createGraphClient } from '../../src/graph/index.ts'
import { createOutbound } from '../../src/outbound/index.ts'
import { ExchangeFailed } from '../../src/token/index.ts'
import { scripted } from '../token/scripted.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { sessionId, sessionPath, startWorld, type World } from '../world/world.ts'
import { costOf, placeSession, verdict } from './answers.ts'

async function worldWithClock(): Promise<{ clock: FakeClock; world: World }> {
  const clock = createFakeClock()
  return { clock, world: await startWorld({ clock }) }
}

test('a gate that opens lets exactly one trip go first, and the others once it is back', async () => {
  const { clock, world } = await worldWithClock()
  await using _ = world
  const { emulator } = world
  emulator.fail('graph', { kind: 'status', status: 429, retryAfter: '10' })
  assert.equal((await world.ask()).status, 503)
  clock.advance(10_000)

  const hold = Promise.withResolvers<void>()
  emulator.fail('graph', { kind: 'hold', until: hold.promise })
  const probing = world.ask(placeSession(world).path)
  await emulator.reached('graph', 2)
  const others = await costOf(world, () =>
    Promise.all(Array.from({ length: 10 }, () => world.ask(placeSession(world).path))),
  )
  for (const reply of others.result) assert.deepEqual(verdict(reply), [503, 'graphThrottled', '1'])
  assert.equal(others.calls, 0)

  hold.resolve()
  assert.equal((await probing).status, 200)
  const after = await costOf(world, () =>
    Promise.all(Array.from({ length: 10 }, () => world.ask(placeSession(world).path))),
  )
  assert.deepEqual(new Set(after.result.map(({ status }) => status)), new Set([200]))
  assert.equal(after.calls, 10)
})

test('of many different keys that ask the moment it opens one goes to Graph', async () => {
  const { clock, world } = await worldWithClock()
  await using _ = world
  const { emulator } = world
  emulator.fail('graph', { kind: 'status', status: 503, retryAfter: '1' })
  await world.ask()
  clock.advance(1_000)
  const hold = Promise.withResolvers<void>()
  emulator.fail('graph', { kind: 'hold', until: hold.promise }, Infinity)
  let refused = 0
  const allButOne = Promise.withResolvers<void>()
  async function ask(): Promise<number> {
    const { status } = await world.ask(placeSession(world).path)
    if (status === 503) refused += 1
    if (refused === 9) allButOne.resolve()
    return status
  }
  const asking = Array.from({ length: 10 }, ask)
  // All but the probe are answered while it is still out.
  await allButOne.promise
  assert.equal(emulator.graph.calls, 2)
  hold.resolve()
  const statuses = await Promise.all(asking)
  assert.equal(statuses.filter((status) => status === 200).length, 1)
})

test('five failures in a row shut the gate, retries included, and the sixth call is not made', async () => {
  const { clock, world } = await worldWithClock()
  await using _ = world
  world.emulator.fail('graph', { kind: 'status', status: 500 }, 5)
  const first = await costOf(world, () => world.ask(placeSession(world).path))
  const second = await costOf(world, () => world.ask(placeSession(world).path))
  for (const { result, calls } of [first, second]) {
    assert.deepEqual([...verdict(result), calls], [502, 'graphFailed', undefined, 2])
  }
  // The fifth shuts it, so there is no second try.
  const third = await costOf(world, () => world.ask(placeSession(world).path))
  assert.deepEqual([...verdict(third.result), third.calls], [503, 'graphThrottled', '1', 1])
  assert.equal((await costOf(world, () => world.ask(placeSession(world).path))).calls, 0)
  clock.advance(1_000)
  assert.equal((await world.ask()).status, 200)
})

test('a late success, asked for before the gate shut, is given to its caller and does not open it', async () => {
  const { clock, world } = await worldWithClock()
  await using _ = world
  const { emulator } = world
  const hold = Promise.withResolvers<void>()
  emulator.fail('graph', { kind: 'hold', until: hold.promise })
  emulator.fail('graph', { kind: 'status', status: 429, retryAfter: '5' })
  const early = placeSession(world)
  const late = world.ask(early.path)
  await emulator.reached('graph', 1)
  assert.equal((await world.ask()).status, 503)
  hold.resolve()
  assert.equal((await late).status, 200)
  assert.deepEqual(verdict(await world.ask()), [503, 'graphThrottled', '5'])
  assert.match(String((await world.ask(early.path)).headers['cache-status']), /; hit;/)
  clock.advance(5_000)
  assert.equal((await world.ask()).status, 200)
})

for (const [what, fault] of [
  ['that are reset', { kind: 'reset' }],
  ['that are cut off', { kind: 'truncate' }],
] as const) {
  test(`five calls in a row ${what} shut the gate`, async () => {
    const { world } = await worldWithClock()
    await using _ = world
    world.emulator.fail('graph', fault, 5)
    while ((await world.ask(placeSession(world).path)).status === 502);
    assert.equal(world.emulator.graph.calls, 5)
    assert.deepEqual(verdict(await world.ask()), [503, 'graphThrottled', '1'])
  })
}

test('five calls that get no answer in time shut the gate', async () => {
  const { clock, world } = await worldWithClock()
  await using _ = world
  world.emulator.fail('graph', { kind: 'hang' }, 5)
  const asking = Array.from({ length: 5 }, () => world.ask(placeSession(world).path))
  await world.emulator.reached('graph', 5)
  clock.advance(10_000)
  for (const reply of await Promise.all(asking)) assert.equal(reply.status, 504)
  assert.deepEqual(verdict(await world.ask()), [503, 'graphThrottled', '1'])
})

test('a probe that gets no token makes room for the next', async () => {
  const { clock, provider: tokens, grant, refuse, advance } = scripted()
  await using emulator = await startEmulator()
  const outbound = createOutbound({ clock: systemClock, extraCa: emulator.caPem })
  const gate = createGate(clock.now)
  const graph = createGraphClient({
    origin: emulator.url,
    deadlineMs: 60_000,
    maxBodyBytes: 1024,
    outbound,
    tokens,
    gate,
    clock,
    observer: { called: () => undefined, roleMissing: () => undefined },
  })
  const question = { target: sessionPath, sessionId, select: null }
  const boarding = { cancelled: new AbortController().signal, departs: () => undefined }
  gate.enter().throttled(1_000)
  clock.advance(1_000)

  const probe = assert.rejects(graph.readSession(question, boarding), { name: 'TokenUnavailable' })
  await assert.rejects(graph.readSession(question, boarding), { name: 'GraphThrottled' })
  await refuse(new ExchangeFailed('no token'))
  await probe
  await advance(750)
  await grant('a token that this Graph does not know')
  emulator.fail('graph', { kind: 'status', status: 404 })
  assert.equal((await graph.readSession(question, boarding)).status, 404)
  await outbound.close()
})
