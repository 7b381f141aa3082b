import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Fleet, type FleetOptions, startFleet } from '../shared/fleet.ts'
import { until } from '../security/wire.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { startRedis, until as untilDone } from '../world/redis.ts'
import type { World } from '../world/world.ts'
import { placeVersions, type Session } from './load.ts'
import { purge } from './shared-world.ts'
import { startWay, type Way } from './way.ts'

const kept = { freshFor: '10m', staleWhileRevalidate: '10m', staleIfError: '2h' }

interface Standing extends Pick<Fleet, 'redis' | 'replicas' | 'emulator'> {
  readonly clock: FakeClock
  readonly ways: readonly Way[]
  readonly session: Session
}

/** Time stands still, and every replica has the session's first version. */
async function standing(building: AsyncDisposableStack, options: FleetOptions = {}): Promise<Standing> {
  const clock = createFakeClock()
  const ways: Way[] = []
  const { redis, replicas, emulator } = building.use(
    await startFleet({
      cache: kept,
      world: { clock },
      async urlFor(_, url) {
        const way = building.use(await startWay(url))
        ways.push(way)
        return way.url
      },
      ...options,
    }),
  )
  const session = placeVersions(emulator)
  for (const world of replicas) assert.equal(await session.seen(world), '1')
  return { redis, replicas, emulator, clock, ways, session }
}

/** By now it has heard what Redis had to say a second ago. */
async function inTouch({ clock, replicas, emulator }: Standing): Promise<void> {
  clock.advance(1_000)
  // On the same connection: what was asked before has been answered before.
  for (const world of replicas) await placeVersions(emulator).seen(world)
}

/** Time passes until this replica shares, or does not any more; not faster than what it asks can be answered. */
async function passUntilShared(clock: FakeClock, world: World, up: 0 | 1): Promise<void> {
  await until(`shared_up ${up}`, async () => {
    clock.advance(50)
    for (let turns = 0; turns < 5; turns += 1) await world.manage('/livez')
    return (await world.manage('/metrics')).body.includes(`shared_up ${up}\n`)
  })
}

const pair = ({ replicas }: Pick<Fleet, 'replicas'>): readonly [World, World] => {
  const [one, other] = replicas
  assert.ok(one !== undefined && other !== undefined)
  return [one, other]
}

for (const scope of ['session', 'workspace', 'everything'] as const) {
  test(`a purge of ${scope} reaches every replica by a message, while not a moment passes`, async () => {
    await using building = new AsyncDisposableStack()
    const world = await standing(building, { replicas: 3 })
    const { session, replicas } = world
    const paths = {
      session: `/workspaces/default/sessions/${session.id}`,
      workspace: '/workspaces/default',
      everything: '',
    }
    session.change()
    assert.equal((await purge(replicas[1] ?? assert.fail(), paths[scope])).status, 200)
    for (const each of replicas) await until('it is heard', async () => (await session.seen(each)) === '2')
  })
}

test('a replica that has heard nothing for 2 s gives what was stored before only when Graph fails', async () => {
  await using building = new AsyncDisposableStack()
  const world = await standing(building)
  const { clock, ways, session, emulator } = world
  const [one, other] = pair(world)
  await inTouch(world)
  ways[1]?.hold()
  session.change()
  assert.equal((await purge(one, '')).status, 200)
  clock.advance(2_000)
  assert.equal(await session.seen(other), '1', 'it may not have heard yet')
  clock.advance(1)
  emulator.fail('graph', { kind: 'reset' }, Infinity)
  const lastResort = await other.ask(session.path)
  assert.equal(lastResort.json.displayName, '1')
  assert.match(String(lastResort.headers['cache-status']), /detail=graphFailed$/)
  emulator.recover('graph')
  clock.advance(1_000)
  assert.equal(await session.seen(other), '2')
})

test('what a cut-off replica has asked for since it heard the last word is given for 4 s, and no longer', async () => {
  await using building = new AsyncDisposableStack()
  const world = await standing(building)
  const { clock, ways, emulator } = world
  const [one, other] = pair(world)
  await inTouch(world)
  clock.advance(500)
  const session = placeVersions(emulator)
  assert.equal(await session.seen(other), '1')
  ways[1]?.hold()
  session.change()
  assert.equal((await purge(one, '')).status, 200)
  clock.advance(4_000)
  assert.equal(await session.seen(other), '1')
  clock.advance(1)
  assert.equal(await session.seen(other), '2')
  // From now on it asks for itself, and again after four seconds.
  const { calls } = emulator.graph
  await session.seen(other)
  assert.equal(emulator.graph.calls, calls)
})

test('what is purged on a replica is not given there, though Redis has it still and no word of the purge has come back', async () => {
  await using building = new AsyncDisposableStack()
  const world = await standing(building, { replicas: 1 })
  const { session, redis, replicas } = world
  const [one] = replicas
  assert.ok(one !== undefined)
  // Nothing comes by message, and no second passes.
  await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
  session.change()
  assert.equal((await purge(one, '/workspaces/default')).status, 200)
  assert.equal(await session.seen(one), '2')
})

test('what is purged on a replica is not given there, though Redis has it still and takes no purges', async () => {
  await using building = new AsyncDisposableStack()
  const world = await standing(building, { replicas: 1 })
  const { session, redis, replicas } = world
  const [one] = replicas
  assert.ok(one !== undefined)
  await redis.command('CONFIG', 'SET', 'maxmemory', '1')
  session.change()
  assert.equal((await purge(one, '/workspaces/default')).status, 503)
  assert.equal(await session.seen(one), '2')
})

test('a purge that Redis has taken and then lost, before anybody heard of it, is told again', async () => {
  await using building = new AsyncDisposableStack()
  const world = await standing(building)
  const { session, redis, ways, clock } = world
  const [one, other] = pair(world)
  const promoted = building.use(await startRedis({ replicaOf: redis }))
  await untilDone(async () => {
    const said = String(await promoted.command('INFO', 'replication'))
    assert.match(said, /master_link_status:up/)
  })
  await promoted.command('REPLICAOF', 'NO', 'ONE')
  await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
  session.change()
  assert.equal((await purge(one, '/workspaces/default')).status, 200)
  await redis.kill()
  for (const way of ways) way.leadTo(promoted.port)
  // They connect anew, long before what the other has would have to be asked for again.
  await until('it is heard', async () => {
    clock.advance(5)
    return (await session.seen(other)) === '2'
  })
})

for (const count of [3, 1_200]) {
  test(`${count} purges made while Redis is away are told by the replica itself`, async () => {
    await using building = new AsyncDisposableStack()
    const world = await standing(building)
    const { session, ways, clock, emulator } = world
    const [one, other] = pair(world)
    const sessions = [session, placeVersions(emulator), placeVersions(emulator)]
    for (const each of sessions) assert.equal(await each.seen(other), '1')
    await ways[0]?.close()
    await passUntilShared(clock, one, 0)
    for (const each of sessions) {
      each.change()
      const reply = await purge(one, `/workspaces/default/sessions/${each.id}`)
      assert.deepEqual([reply.status, reply.json.error.code], [503, 'purgeNotShared'])
      assert.equal(await each.seen(one), '2')
      assert.equal(await each.seen(other), '1')
    }
    for (let more = sessions.length; more < count; more += 1)
      await purge(one, `/workspaces/default/sessions/${placeVersions(emulator).id}`)
    await ways[0]?.open()
    await passUntilShared(clock, one, 1)
    for (const each of sessions) await until('it is heard', async () => (await each.seen(other)) === '2')
  })
}
