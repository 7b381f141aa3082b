import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import { type Reply, startWorld } from '../world/world.ts'
import { untilQuiet } from '../security/wire.ts'
import { placeSession, untilWaiting, verdict } from './answers.ts'

const config = {
  graph: { maxConcurrent: 4, maxWaiting: 8 },
  cache: { freshFor: '30s', staleWhileRevalidate: '5m', staleIfError: '1h' },
}

test('a slow Graph is asked so many things at once; who would come too late is told, and hits flow', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({ clock, config })
  const { emulator } = world
  const known = placeSession(world)
  await world.ask(known.path)
  const hold = Promise.withResolvers<void>()
  emulator.fail('graph', { kind: 'hold', until: hold.promise }, 4)
  const first = Array.from({ length: 4 }, () => world.ask(placeSession(world).path))
  await emulator.reached('graph', 5)
  const patient = Array.from({ length: 8 }, () => world.ask(placeSession(world).path))
  await untilWaiting(world, 8)
  for (const reply of await Promise.all(
    Array.from({ length: 20 }, () => world.ask(placeSession(world).path)),
  )) {
    assert.deepEqual(verdict(reply), [503, 'graphBusy', '1'])
    assert.equal(reply.headers['proxy-status'], 'session-gateway; error=connection_limit_reached')
    assert.equal((await world.recordOf(reply.headers['request-id']))['refusal'], 'graphBusy')
  }
  assert.match(String((await world.ask(known.path)).headers['cache-status']), /; hit;/)
  assert.equal(emulator.graph.calls, 5)
  hold.resolve()
  const all: Reply[] = await Promise.all([...first, ...patient])
  assert.deepEqual(new Set(all.map(({ status }) => status)), new Set([200]))
  assert.equal(emulator.graph.calls, 13)
})

test('whoever gets no second turn is told what Graph said in the first, and not that it is busy', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({
    clock,
    config: { ...config, graph: { maxConcurrent: 1, maxWaiting: 2, deadline: '10s' } },
  })
  const { emulator } = world
  const hold = Promise.withResolvers<void>()
  emulator.fail('graph', { kind: 'hold', until: hold.promise })
  emulator.fail('graph', { kind: 'status', status: 500 })
  emulator.fail('graph', { kind: 'hang' })
  const holds = world.ask(placeSession(world).path)
  await emulator.reached('graph', 1)
  const fails = world.ask(placeSession(world).path)
  await untilWaiting(world, 1)
  const hangs = world.ask(placeSession(world).path)
  await untilWaiting(world, 2)
  hold.resolve()
  assert.equal((await holds).status, 200)
  // Who failed waits behind the one that hangs.
  await emulator.reached('graph', 3)
  await untilWaiting(world, 1)
  clock.advance(10_000)
  assert.deepEqual(verdict(await fails), [502, 'graphFailed', undefined])
  assert.deepEqual(verdict(await hangs), [504, 'graphTimedOut', undefined])
})

test('calls that had too little time, since their turn came late, do not shut the gate', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({
    clock,
    config: { ...config, graph: { maxConcurrent: 6, maxWaiting: 6 } },
  })
  const { emulator } = world
  const hold = Promise.withResolvers<void>()
  emulator.fail('graph', { kind: 'hold', until: hold.promise }, 6)
  const first = Array.from({ length: 6 }, () => world.ask(placeSession(world).path))
  await emulator.reached('graph', 6)
  const late = Array.from({ length: 6 }, () => world.ask(placeSession(world).path))
  await untilWaiting(world, 6)
  clock.advance(6_000)
  emulator.fail('graph', { kind: 'hang' }, 6)
  hold.resolve()
  for (const reply of await Promise.all(first)) assert.equal(reply.status, 200)
  await emulator.reached('graph', 12)
  clock.advance(4_000)
  for (const reply of await Promise.all(late)) assert.equal(reply.status, 504)
  assert.equal((await world.ask(placeSession(world).path)).status, 200)
})

test('what is kept for a failing Graph is given where it is busy, too', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({
    clock,
    config: { ...config, graph: { maxConcurrent: 1, maxWaiting: 0 } },
  })
  const { emulator } = world
  const known = placeSession(world)
  const first = await world.ask(known.path)
  clock.advance(10 * 60_000)
  const hold = Promise.withResolvers<void>()
  emulator.fail('graph', { kind: 'hold', until: hold.promise })
  const holds = world.ask(placeSession(world).path)
  await emulator.reached('graph', 2)
  const kept = await world.ask(known.path)
  assert.deepEqual([kept.status, kept.body], [200, first.body])
  assert.match(String(kept.headers['cache-status']), /fwd=stale; detail=graphBusy$/)
  hold.resolve()
  assert.equal((await holds).status, 200)
})

test('refreshes behind stale answers do not stand in the way of those who wait', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({
    clock,
    config: { ...config, graph: { maxConcurrent: 1, maxWaiting: 1 } },
  })
  const { emulator } = world
  const stale = Array.from({ length: 10 }, () => placeSession(world))
  for (const { path } of stale) await world.ask(path)
  clock.advance(60_000)
  const hold = Promise.withResolvers<void>()
  emulator.fail('graph', { kind: 'hold', until: hold.promise })
  const holds = world.ask(placeSession(world).path)
  await emulator.reached('graph', 11)
  for (const { path } of stale) assert.equal((await world.ask(path)).status, 200)
  const waits = world.ask(placeSession(world).path)
  await untilWaiting(world, 1)
  hold.resolve()
  assert.deepEqual([(await holds).status, (await waits).status], [200, 200])
  assert.equal(emulator.graph.calls, 12)

  // A second later there is room, and they are asked for.
  clock.advance(1_000)
  for (const { path } of stale) {
    assert.match(String((await world.ask(path)).headers['cache-status']), /hit; ttl=-/)
    await untilQuiet(world)
  }
  assert.equal(emulator.graph.calls, 22)
})
