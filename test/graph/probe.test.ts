import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import { createGate, createGraphClient, createLine, createRetryBudget } from '../../src/graph/index.ts'
import { createOutbound } from '../../src/outbound/index.ts'
import { ExchangeFailed } from '../../src/token/index.ts'
import { scripted } from '../token/scripted.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { type Reply, sessionId, sessionPath, startWorld, type World } from '../world/world.ts'
import { costOf, placeSession, untilWaiting, verdict } from './answers.ts'

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
  const askTen = (): Promise<Reply>[] => Array.from({ length: 10 }, () => world.ask(placeSession(world).path))
  const impatient = askTen()
  await untilWaiting(world, 10)
  clock.advance(1_000)
  for (const reply of await Promise.all(impatient)) {
    assert.deepEqual(verdict(reply), [503, 'graphThrottled', '1'])
  }
  const patient = askTen()
  await untilWaiting(world, 10)
  assert.equal(emulator.graph.calls, 2)

  hold.resolve()
  assert.equal((await probing).status, 200)
  for (const reply of await Promise.all(patient)) assert.equal(reply.status, 200)
  assert.equal(emulator.graph.calls, 12)
})

test('of many different keys that ask the moment it opens one goes to Graph', async () => {
  const { clock, world } = await worldWithClock()
  await using _ = world
  const { emulator } = world
  emulator.fail('graph', { kind: 'status', status: 503, retryAfter: '2' })
  await world.ask()
  clock.advance(2_000)
  const hold = Promise.withResolvers<void>()
  emulator.fail('graph', { kind: 'hold', until: hold.promise })
  const asking = Array.from({ length: 10 }, () => world.ask(placeSession(world).path))
  await untilWaiting(world, 9)
  assert.equal(emulator.graph.calls, 2)
  hold.resolve()
  for (const reply of await Promise.all(asking)) assert.equal(reply.status, 200)
})

test('a probe that fails is not tried again, and takes everybody who waits with it', async () => {
  const { clock, world } = await worldWithClock()
  await using _ = world
  const { emulator } = world
  emulator.fail('graph', { kind: 'status', status: 503, retryAfter: '2' })
  assert.equal((await world.ask()).status, 503)
  clock.advance(2_000)
  emulator.fail('graph', { kind: 'status', status: 503 })
  assert.equal((await world.ask()).status, 502)
  assert.equal(emulator.graph.calls, 2)
  // It has shut for one second, which is waited for; then for two, which is not.
  emulator.fail('graph', { kind: 'reset' })
  const asking = Array.from({ length: 10 }, () => world.ask(placeSession(world).path))
  await untilWaiting(world, 10)
  clock.advance(1_000)
  const verdicts = (await Promise.all(asking)).map((reply) => verdict(reply).join(' '))
  assert.deepEqual(verdicts.toSorted(), [
    '502 graphFailed ',
    ...Array<string>(9).fill('503 graphThrottled 2'),
  ])
  assert.equal(emulator.graph.calls, 3)
})

test('five trips in a row that fail, retries included, shut the gate', async () => {
  const { clock, world } = await worldWithClock()
  await using _ = world
  world.emulator.fail('graph', { kind: 'status', status: 500 }, 10)
  for (let trips = 0; trips < 5; trips += 1) {
    const { result, calls } = await costOf(world, () => world.ask(placeSession(world).path))
    assert.deepEqual([...verdict(result), calls], [502, 'graphFailed', undefined, 2])
  }
  const asking = world.ask()
  await untilWaiting(world, 1)
  clock.advance(999)
  assert.equal(world.emulator.graph.calls, 10)
  clock.advance(1)
  assert.equal((await asking).status, 200)
})

test('a failure that the second try mends is no failure: the gate stays open', async () => {
  const { world } = await worldWithClock()
  await using _ = world
  for (let trips = 0; trips < 8; trips += 1) {
    world.emulator.fail('graph', { kind: 'reset' })
    assert.equal((await world.ask(placeSession(world).path)).status, 200)
  }
})

test('retries are one for ten calls, with ten in hand: beyond that the first failure is the answer', async () => {
  const { clock, world } = await worldWithClock()
  await using _ = world
  const { emulator } = world
  const fails = async (): Promise<number> => {
    emulator.fail('graph', { kind: 'status', status: 500 }, 2)
    const { calls } = await costOf(world, () => world.ask(placeSession(world).path))
    emulator.recover('graph')
    return calls
  }
  const succeed = async (times: number): Promise<void> => {
    for (let calls = 0; calls < times; calls += 1) {
      assert.equal((await world.ask(placeSession(world).path)).status, 200)
    }
  }
  for (let trips = 0; trips < 10; trips += 1) {
    assert.equal(await fails(), 2)
    if (trips % 4 === 3) await succeed(1)
  }
  await succeed(1)
  // 13 calls since, and the first of them found it full.
  assert.equal(await fails(), 2)
  assert.equal(await fails(), 1)
  await succeed(4)
  assert.equal(await fails(), 1)
  await succeed(5)
  assert.equal(await fails(), 2)
  const told = (await world.manage('/metrics')).body
  assert.match(told, /graph_retries_total{result="made"} 12\n/)
  assert.match(told, /graph_retries_total{result="denied"} 2\n/)
  // What Graph itself asks for costs none, and there is none left.
  assert.equal(await fails(), 1)
  emulator.fail('graph', { kind: 'status', status: 429, retryAfter: '0.5' })
  const asked = world.ask(placeSession(world).path)
  await untilWaiting(world, 1)
  clock.advance(500)
  assert.equal((await asked).status, 200)
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
  test(`five trips in a row ${what} shut the gate`, async () => {
    const { world } = await worldWithClock()
    await using _ = world
    world.emulator.fail('graph', fault, Infinity)
    for (let trips = 0; trips < 5; trips += 1) {
      assert.equal((await world.ask(placeSession(world).path)).status, 502)
    }
    assert.deepEqual((await world.manage('/readyz')).json.degraded, ['graph: not to be asked just now'])
  })
}

test('five trips that get no answer in time shut the gate', async () => {
  const { clock, world } = await worldWithClock()
  await using _ = world
  world.emulator.fail('graph', { kind: 'hang' }, 5)
  const asking = Array.from({ length: 5 }, () => world.ask(placeSession(world).path))
  await world.emulator.reached('graph', 5)
  clock.advance(10_000)
  for (const reply of await Promise.all(asking)) assert.equal(reply.status, 504)
  assert.deepEqual((await world.manage('/readyz')).json.degraded, ['graph: not to be asked just now'])
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
    line: createLine({ gate, clock, mostAtOnce: 1, mostWaiting: 0 }),
    passingLine: createLine({ gate, clock, mostAtOnce: 1, mostWaiting: 0 }),
    retries: createRetryBudget(),
    clock,
    observer: { called: () => undefined, retried: () => undefined, roleMissing: () => undefined },
  })
  const question = { target: sessionPath, sessionId, select: null }
  const boarding = { cancelled: new AbortController().signal, isAwaited: true, departs: () => undefined }
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
