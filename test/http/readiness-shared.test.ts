import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { listening } from '../outbound/counterpart.ts'
import { untilShared } from '../shared/fleet.ts'
import { until } from '../security/wire.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { startRedis } from '../world/redis.ts'
import { startWorld, type World, type WorldOptions } from '../world/world.ts'

const sharing = (url: string): WorldOptions => ({
  files: { keys: `one ${randomBytes(32).toString('base64')}` },
  config: (inFolder: (name: string) => string) => ({
    cache: { shared: { url, keysFile: inFolder('keys'), timeout: '2s' } },
  }),
})
/** The keys of its issuers and its token may be on their way yet. */
const inOrder = (world: World): Promise<void> =>
  until('nothing degraded', async () => (await world.manage('/readyz')).json.degraded.length === 0)
const away = { status: 'ready', degraded: ['cache.shared: away'] }

test('a replica whose Redis is killed stays ready, says so, and no more when it is back', async () => {
  await using redis = await startRedis()
  await using world = await startWorld(sharing(redis.url))
  await untilShared(world)
  await inOrder(world)
  await redis.kill()
  await untilShared(world, 0)
  const reply = await world.manage('/readyz')
  assert.deepEqual([reply.status, reply.json], [200, away])
  assert.equal((await world.ask()).status, 200)
  await redis.restart()
  await untilShared(world)
  await inOrder(world)
})

test('where nobody listens at Redis’ port a replica starts, is ready and answers, while no time passes', async () => {
  // Whatever it waited for would wait for ever.
  await using world = await startWorld({ ...sharing('redis://127.0.0.1:9'), clock: createFakeClock() })
  const reply = await world.manage('/readyz')
  assert.deepEqual([reply.status, reply.json.status], [200, 'ready'])
  assert.ok(reply.json.degraded.includes('cache.shared: away'))
  assert.equal((await world.ask()).status, 200)
  assert.match(String((await world.ask()).headers['cache-status']), /; hit;/)
})

test('where Redis takes connections and says nothing a replica starts, is ready and answers, while no time passes', async () => {
  await using silent = await listening(createServer())
  await using world = await startWorld({
    ...sharing(`redis://127.0.0.1:${silent.port}`),
    clock: createFakeClock(),
  })
  const reply = await world.manage('/readyz')
  assert.deepEqual([reply.status, reply.json.status], [200, 'ready'])
  assert.ok(reply.json.degraded.includes('cache.shared: away'))
  assert.equal((await world.ask()).status, 200)
  assert.match(String((await world.ask()).headers['cache-status']), /; hit;/)
})
