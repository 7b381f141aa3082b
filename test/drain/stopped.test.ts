import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createFakeClock } from '../world/fake-clock.ts'
import { startWorld } from '../world/world.ts'

test('a gateway that has stopped leaves no timer behind, and does not complain of the refresh that it has cut', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({ clock })
  await world.ask()
  clock.advance(31_000)
  world.emulator.fail('graph', { kind: 'hang' })
  const { calls } = world.emulator.graph
  assert.match(String((await world.ask()).headers['cache-status']), /; hit; ttl=-1/)
  await world.emulator.reached('graph', calls + 1)
  const logged = world.logs.length
  let hasStopped = false
  const stopping = world.gateway.drain().finally(() => {
    hasStopped = true
  })
  while (!hasStopped) {
    clock.advance(1_000)
    await setImmediate()
  }
  await stopping
  await setImmediate()
  // What bounded the stopping itself runs out; whatever recurs would be there again.
  clock.advance(60_000)
  assert.equal(clock.pending, 0)
  assert.deepEqual(
    world.logs.slice(logged).filter(({ level }) => level !== 'info'),
    [],
  )
})
