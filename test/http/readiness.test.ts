import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createFakeClock } from '../world/fake-clock.ts'
import { type Reply, startWorld, type World } from '../world/world.ts'
import { placeSession, untilWaiting } from '../graph/answers.ts'
import { until } from '../security/wire.ts'
import type { Emulator } from '../../src/emulator/index.ts'

const minuteMs = 60_000

function failAll(emulator: Emulator, ...parts: ('graph' | 'token' | 'issuer' | 'cluster')[]): void {
  for (const part of parts) emulator.fail(part, { kind: 'status', status: 500 }, Infinity)
}

/** Polls /readyz until its `degraded` tells of all of these. */
async function untilDegraded(world: World, ...told: RegExp[]): Promise<Reply> {
  let reply = await world.manage('/readyz')
  await until(`degraded: ${told.join()}`, async () => {
    reply = await world.manage('/readyz')
    const degraded: string[] = reply.json.degraded
    return told.every((each) => degraded.some((text) => each.test(text)))
  })
  return reply
}

for (const [what, parts] of [
  ['no app-only token', ['token']],
  ['no issuer’s keys', ['issuer', 'cluster']],
] as const) {
  test(`with ${what} a replica is alive and unready, and says why`, async () => {
    const clock = createFakeClock()
    await using world = await startWorld({
      clock,
      mayBeUnready: true,
      prepare: (emulator) => failAll(emulator, ...parts),
    })
    const reply = await untilDegraded(
      world,
      parts[0] === 'token' ? /^token: none$/ : /^issuer oidc: keys cannot be fetched$/,
    )
    assert.equal(reply.status, 503)
    assert.deepEqual(Object.keys(reply.json).toSorted(), ['degraded', 'status'])
    assert.equal(reply.json.status, 'unready')
    assert.equal((await world.manage('/livez')).status, 200)
    assert.match((await world.manage('/metrics')).body, /^session_gateway_ready 0$/m)
  })
}

test('the keys of one issuer are enough to be ready', async () => {
  await using world = await startWorld({
    clock: createFakeClock(),
    prepare: (emulator) => failAll(emulator, 'issuer'),
  })
  const reply = await untilDegraded(world, /^issuer oidc: keys cannot be fetched$/)
  assert.deepEqual([reply.status, reply.json.status, reply.json.degraded.length], [200, 'ready', 1])
})

test('after startupGrace a replica is ready, whatever fails', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({
    clock,
    mayBeUnready: true,
    config: { server: { startupGrace: '45s' } },
    prepare: (emulator) => failAll(emulator, 'token', 'issuer', 'cluster'),
  })
  clock.advance(44_999)
  assert.equal((await world.manage('/readyz')).status, 503)
  clock.advance(1)
  const reply = await untilDegraded(world, /^token: none$/, /^issuer oidc/, /^issuer cluster/)
  assert.deepEqual([reply.status, reply.json.status], [200, 'ready'])
})

test('once ready, a replica stays ready while Entra and the issuers are down, and goes on answering hits', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({
    clock,
    // Or it would be the grace that makes it ready.
    config: { cache: { freshFor: '24h' }, server: { startupGrace: '1h' } },
    prepare: (emulator) => {
      emulator.entra.tokenLifetimeSeconds = 600
    },
  })
  // Until both issuers and the token are there, `degraded` is not empty.
  await until('nothing degraded', async () => (await world.manage('/readyz')).json.degraded.length === 0)
  assert.deepEqual((await world.manage('/readyz')).json, { status: 'ready', degraded: [] })
  await world.ask()
  failAll(world.emulator, 'token', 'issuer', 'cluster')
  clock.advance(8 * minuteMs)
  const reply = await untilDegraded(world, /^token: /, /^issuer oidc/, /^issuer cluster/)
  assert.deepEqual([reply.status, reply.json.status], [200, 'ready'])
  assert.match(String((await world.ask()).headers['cache-status']), /; hit;/)
  clock.advance(3 * minuteMs)
  assert.equal((await untilDegraded(world, /^token: none$/)).status, 200)
})

test('while Entra, Graph and the issuers are all down, replicas stay ready, hits flow, and misses are told when to come back', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({
    clock,
    config: { cache: { freshFor: '24h' }, server: { startupGrace: '1h' } },
    prepare: (emulator) => {
      emulator.entra.tokenLifetimeSeconds = 600
    },
  })
  await world.ask()
  failAll(world.emulator, 'graph', 'token', 'issuer', 'cluster')
  async function assertHitsFlow(...told: RegExp[]): Promise<void> {
    const hit = await world.ask()
    assert.match(String(hit.headers['cache-status']), /; hit;/)
    assert.deepEqual([hit.status, (await untilDegraded(world, ...told)).status], [200, 200])
  }
  async function assertMissWaits(code: string): Promise<void> {
    const miss = await world.ask(placeSession(world).path)
    assert.deepEqual([miss.status, miss.json.error.code], [503, code])
    assert.match(String(miss.headers['retry-after']), /^[1-9]\d*$/)
  }
  // What it takes to know that this is no chance; the first second after it is waited for.
  for (let trips = 1; trips <= 5; trips += 1) {
    assert.equal((await world.ask(placeSession(world).path)).status, 502)
  }
  const waiting = world.ask(placeSession(world).path)
  await untilWaiting(world, 1)
  clock.advance(1_000)
  assert.equal((await waiting).status, 502)
  await assertMissWaits('graphThrottled')
  await assertHitsFlow(/^graph: not to be asked just now$/)
  clock.advance(11 * minuteMs)
  await assertHitsFlow(/^token: none$/, /^issuer oidc/, /^issuer cluster/)
  await assertMissWaits('tokenUnavailable')
})

test('while Graph is not to be asked, a replica is ready and says so', async () => {
  await using world = await startWorld({ clock: createFakeClock() })
  world.emulator.fail('graph', { kind: 'status', status: 429, retryAfter: '30' })
  assert.equal((await world.ask()).status, 503)
  assert.equal((await untilDegraded(world, /^graph: not to be asked just now$/)).status, 200)
})

test('a draining replica is unready and alive', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({ clock, config: { server: { drain: { delay: '3s' } } } })
  let isDrained = false
  const drained = world.gateway.drain().finally(() => {
    isDrained = true
  })
  const reply = await untilDegraded(world, /^draining$/)
  assert.deepEqual([reply.status, reply.json.status], [503, 'unready'])
  assert.equal((await world.manage('/livez')).status, 200)
  assert.equal((await world.ask()).status, 200)
  await until('drained', async () => {
    clock.advance(1_000)
    await setImmediate()
    return isDrained
  })
  await drained
})
