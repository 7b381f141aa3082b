import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { startFleet, untilShared } from '../shared/fleet.ts'
import { until, untilQuiet } from '../security/wire.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import type { Redis } from '../world/redis.ts'
import type { World } from '../world/world.ts'
import { placeVersions } from './load.ts'
import { asked, told } from './shared-world.ts'
import { startWay, type Way } from './way.ts'

/** Replicas that find Redis by ways of their own. */
async function withWays(
  building: AsyncDisposableStack,
  options: Parameters<typeof startFleet>[0],
): Promise<Awaited<ReturnType<typeof startFleet>> & { readonly ways: readonly Way[] }> {
  const ways: Way[] = []
  const fleet = building.use(
    await startFleet({
      ...options,
      async urlFor(_, url) {
        const way = building.use(await startWay(url))
        ways.push(way)
        return way.url
      },
    }),
  )
  return Object.assign(fleet, { ways })
}

async function held(world: World, way: Way | undefined, more = 0): Promise<void> {
  await until(
    'a question',
    async () => (await world.manage('/livez')).status === 200 && (way?.held ?? 0) > more,
  )
}

const logChannel = 'session-gateway:{log}:purges'

/** Whether so many listen to what is new in the log. */
async function isHeardBy(redis: Redis, listeners: number): Promise<boolean> {
  const [, count] = (await redis.command('PUBSUB', 'NUMSUB', logChannel)) as unknown[]
  return count === listeners
}

/** Until it is asked nothing any more: what was told of a trip, and news of a log that has just begun, have come. */
async function untilStill(redis: Redis): Promise<void> {
  let [before, times] = ['', 0]
  await until('silence', async () => {
    const stats = String(await redis.command('INFO', 'commandstats'))
    const scripts = (stats.match(/cmdstat_eval(?:sha)?:calls=\d+/g) ?? []).join(' ')
    times = scripts === before ? times + 1 : 0
    before = scripts
    return times === 10
  })
}

test('an answer of Redis that takes 20 ms is used, and one that takes 200 ms is not waited for', async () => {
  await using building = new AsyncDisposableStack()
  const clock = createFakeClock()
  const { replicas, ways, emulator } = await withWays(building, {
    shared: { timeout: '50ms' },
    world: { clock },
  })
  const [one, other] = replicas
  assert.ok(one !== undefined && other !== undefined)
  const [first, second] = [placeVersions(emulator), placeVersions(emulator)]
  for (const session of [first, second]) assert.equal(await session.seen(one), '1')
  await untilQuiet(one)
  const { calls } = emulator.graph

  ways[1]?.hold()
  const quick = first.seen(other)
  await held(other, ways[1])
  clock.advance(20)
  ways[1]?.release()
  assert.equal(await quick, '1')
  assert.equal(emulator.graph.calls, calls, 'it is had of Redis')

  ways[1]?.hold()
  const slow = second.seen(other)
  await held(other, ways[1])
  clock.advance(200)
  assert.equal(await slow, '1')
  assert.equal(emulator.graph.calls, calls + 1, 'it is had of Graph')
  ways[1]?.release()
})

test('who asks waits for a silent Redis once; after three such waits in a row nobody does', async () => {
  await using building = new AsyncDisposableStack()
  const clock = createFakeClock()
  const { replicas, ways, redis, emulator } = await withWays(building, {
    replicas: 1,
    shared: { timeout: '50ms' },
    world: { clock },
  })
  const [one] = replicas
  assert.ok(one !== undefined)
  await until('all that is asked at first', () => isHeardBy(redis, 1))
  assert.equal(await placeVersions(emulator).seen(one), '1')
  await untilStill(redis)
  ways[0]?.hold()
  for (let waits = 1; waits <= 3; waits += 1) {
    const before = ways[0]?.held
    const asking = placeVersions(emulator).seen(one)
    await held(one, ways[0], before)
    clock.advance(49)
    const { calls } = emulator.graph
    await turn()
    assert.equal(emulator.graph.calls, calls)
    clock.advance(1)
    assert.equal(await asking, '1')
    assert.equal(await asked(one, 'late'), waits)
  }
  // Time stands still from here: whoever waited for Redis would wait for ever.
  const away = await asked(one, 'away')
  for (let more = 0; more < 10; more += 1) assert.equal(await placeVersions(emulator).seen(one), '1')
  assert.ok((await asked(one, 'away')) >= away + 10)
  assert.equal(await asked(one, 'late'), 3)
  assert.deepEqual(
    told(one).map(({ state }) => state),
    ['there', 'away'],
  )
  ways[0]?.release()
})

test('when a replica drains while it makes a trip, those who wait for it elsewhere go on at once', async () => {
  await using building = new AsyncDisposableStack()
  const clock = createFakeClock()
  const drain = { delay: '0s', timeout: '1s' }
  const { replicas, emulator } = await withWays(building, { world: { clock }, config: { server: { drain } } })
  const [leader, follower] = replicas
  assert.ok(leader !== undefined && follower !== undefined)
  const session = placeVersions(emulator)
  const { calls } = emulator.graph
  emulator.fail('graph', { kind: 'hang' })
  const cut = leader.ask(session.path).catch(() => 'cut')
  await emulator.reached('graph', calls + 1)
  const answers = Promise.all([session.seen(follower), session.seen(follower)])
  const answered = await asked(follower, 'answered')
  await until('the follower waits', async () => (await asked(follower, 'answered')) > answered + 1)
  let isDrained = false
  const drained = leader.gateway.drain().finally(() => (isDrained = true))
  // Not long enough for a lease to end, of which Redis keeps the time.
  while (!isDrained) {
    clock.advance(20)
    await turn()
  }
  await drained
  assert.deepEqual(await answers, ['1', '1'])
  assert.equal(emulator.graph.calls, calls + 2)
  assert.ok((await cut) === 'cut' || typeof (await cut) === 'object')
})

const sockets = (): number =>
  process.getActiveResourcesInfo().filter((kind) => /^(TCPSocket|TLS)Wrap$/.test(kind)).length

async function goneThrough(replicas: readonly World[], ways: readonly Way[]): Promise<void> {
  await Promise.all(ways.map((way) => way.close()))
  await Promise.all(replicas.map((world) => untilShared(world, 0)))
  await Promise.all(ways.map((way) => way.open()))
  await Promise.all(replicas.map((world) => untilShared(world)))
}

test('replicas that have lost Redis and found it again leave no subscription, no timer and no socket behind', async () => {
  const before = sockets()
  const clock = createFakeClock()
  {
    await using building = new AsyncDisposableStack()
    const { replicas, ways, redis, emulator } = await withWays(building, { world: { clock } })
    const passing = setInterval(() => clock.advance(50), 5)
    for (let times = 0; times < 3; times += 1) {
      await goneThrough(replicas, ways)
      const session = placeVersions(emulator)
      await Promise.all(Array.from({ length: 20 }, (_, n) => session.seen(replicas[n % 2] ?? assert.fail())))
    }
    await until('only the log is listened to', async () => {
      const channels = await redis.command('PUBSUB', 'CHANNELS')
      return Array.isArray(channels) && channels.length === 1
    })
    await until('by each replica once', () => isHeardBy(redis, 2))
    const clients = String(await redis.command('CLIENT', 'LIST')).match(/name=session-gateway/g)
    assert.equal(clients?.length, 4, 'two connections each')
    for (const each of replicas) await each.gateway[Symbol.asyncDispose]()
    clearInterval(passing)
    await until('nobody is connected', async () => {
      return !String(await redis.command('CLIENT', 'LIST')).includes('name=session-gateway')
    })
    clock.advance(60_000)
    const left = ways.map(({ connections }) => connections)
    await turn()
    assert.deepEqual(
      ways.map(({ connections }) => connections),
      left,
    )
  }
  while (sockets() > before) await turn()
})
