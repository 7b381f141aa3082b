import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import { startWorld, type World } from '../world/world.ts'
import { until } from '../security/wire.ts'
import { placeSession } from './answers.ts'

async function untilTrips(world: World, count: number): Promise<void> {
  const wanted = new RegExp(`^session_gateway_graph_trips_in_flight ${count}$`, 'm')
  await until(`${count} trips`, async () => wanted.test((await world.manage('/metrics')).body))
}

test('a trip that waits for a token is called off when nobody waits for it any more, and Graph is not asked', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({ clock })
  const { emulator } = world
  emulator.entra.revokeTokens()
  const hold = Promise.withResolvers<void>()
  emulator.fail('token', { kind: 'hold', until: hold.promise })
  const exchanges = emulator.entra.requests.length
  // It has been to Graph, and its 401 makes everybody wait for a new token.
  const departed = new AbortController()
  const asked = placeSession(world)
  const leaver = world.ask(asked.path, { signal: departed.signal })
  await emulator.reached('token', exchanges + 1)
  const [queued, follower] = [placeSession(world), placeSession(world)]
  const leaving = new AbortController()
  const left = world.ask(queued.path, { signal: leaving.signal })
  const stays = world.ask(follower.path)
  await untilTrips(world, 3)

  leaving.abort()
  departed.abort()
  await assert.rejects(left, { name: 'AbortError' })
  await assert.rejects(leaver, { name: 'AbortError' })
  // At once, and not when the token comes; the one that has departed flies on.
  await untilTrips(world, 2)
  const { calls } = emulator.graph
  hold.resolve()
  assert.equal((await stays).status, 200)
  await untilTrips(world, 0)
  assert.equal(emulator.graph.calls, calls + 2)
  const told = async (path: string): Promise<string> =>
    String((await world.ask(path)).headers['cache-status'])
  assert.match(await told(asked.path), /; hit;/)
  assert.match(await told(queued.path), /fwd=uri-miss/)
})
