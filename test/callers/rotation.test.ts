import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Emulator, Fault } from '../../src/emulator/index.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { audience, type World } from '../world/world.ts'
import { publish, reasonOf, startWorldKnowing, until } from './forge.ts'

/** Its keys have been fetched once. One request is one fetch: their address is configured, not discovered. */
async function startRotatingWorld(clock: FakeClock): Promise<World> {
  const world = await startWorldKnowing(
    ({ issuer }) => ({ issuers: { oidc: { jwksUri: `${issuer.url}/jwks` } } }),
    // Our own token is no part of this: it outlives every test.
    { clock, prepare: ({ entra }) => (entra.tokenLifetimeSeconds = 86_400) },
  )
  await until(world, () => fetches(world) === 1)
  return world
}

const tokenOf = ({ emulator }: World, kid?: string): Promise<string> =>
  emulator.issuer.token({ sub: 'reader', aud: audience }, kid === undefined ? {} : { header: { kid } })

function fetches({ logs }: World): number {
  return logs.filter(({ issuer }) => issuer === 'oidc').length
}

test('callers notice nothing of an issuer that is away for an hour', async () => {
  const clock = createFakeClock()
  await using world = await startRotatingWorld(clock)
  const { emulator } = world
  assert.equal((await world.ask(undefined, { token: await tokenOf(world) })).status, 200)
  emulator.fail('issuer', { kind: 'status', status: 503 }, Infinity)
  for (let minutes = 5; minutes <= 60; minutes += 5) {
    const failed = fetches(world)
    clock.advance(5 * 60_000)
    await until(world, () => fetches(world) > failed)
    // A token nobody has seen yet: nothing is remembered of it.
    assert.equal((await world.ask(undefined, { token: await tokenOf(world) })).status, 200, `${minutes} min`)
  }
  assert.match((await world.manage('/readyz')).body, /issuer oidc: keys cannot be fetched/)
  await emulator.issuer.rotate()
  emulator.recover('issuer')
  clock.advance(30_000)
  assert.equal((await world.ask(undefined, { token: await tokenOf(world) })).status, 200)
  assert.doesNotMatch((await world.manage('/readyz')).body, /issuer oidc/)
})

test('a rotation fails no request: the new key costs one question, the old one works on', async () => {
  const clock = createFakeClock()
  await using world = await startRotatingWorld(clock)
  const { emulator } = world
  const old = await tokenOf(world)
  assert.equal((await world.ask(undefined, { token: old })).status, 200)
  clock.advance(60_000)
  await emulator.issuer.rotate()
  assert.equal(emulator.issuer.jwksRequests, 1)
  const fresh = await Promise.all(Array.from({ length: 50 }, () => tokenOf(world)))
  const replies = await Promise.all([old, ...fresh].map((token) => world.ask(undefined, { token })))
  assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]))
  assert.equal(emulator.issuer.jwksRequests, 2)
  assert.equal((await world.ask(undefined, { token: old })).status, 200)
  assert.equal(emulator.issuer.jwksRequests, 2)
})

test('tokens of a withdrawn key are refused after the next refresh, remembered or not', async () => {
  const clock = createFakeClock()
  await using world = await startRotatingWorld(clock)
  const { emulator } = world
  const old = await tokenOf(world)
  await emulator.issuer.rotate({ keepOld: false })
  clock.advance(5 * 60_000 - 1)
  assert.equal((await world.ask(undefined, { token: old })).status, 200)
  const before = fetches(world)
  clock.advance(1)
  await until(world, () => fetches(world) > before)
  const reply = await world.ask(undefined, { token: old })
  assert.equal(reply.status, 401)
  assert.match(reasonOf(world, reply), /no applicable key found/)
  assert.equal((await world.ask(undefined, { token: await tokenOf(world) })).status, 200)
})

const faults: readonly (readonly [how: string, ail: (emulator: Emulator) => void])[] = [
  ['is well', () => {}],
  ['answers 500', failing({ kind: 'status', status: 500 })],
  ['publishes no key', (emulator) => publish(emulator, [])],
  ['answers with a page', failing({ kind: 'html' })],
  ['cuts its answer', failing({ kind: 'truncate' })],
  [
    'publishes a key set of a megabyte',
    (emulator) => publish(emulator, [{ kty: 'RSA', n: 'A'.repeat(1024 * 1024), e: 'AQAB' }]),
  ],
]

function failing(fault: Fault): (emulator: Emulator) => void {
  return (emulator) => emulator.fail('issuer', fault, Infinity)
}

for (const [how, ail] of faults) {
  test(`a hundred invented key ids ask an issuer once that ${how}, and its keys stay`, async () => {
    const clock = createFakeClock()
    await using world = await startRotatingWorld(clock)
    const { issuer } = world.emulator
    const good = await tokenOf(world)
    clock.advance(60_000)
    ail(world.emulator)
    await refuseInvented(world, 100, how === 'is well' ? 401 : 503)
    assert.equal(issuer.jwksRequests, 2)
    assert.equal((await world.ask(undefined, { token: good })).status, 200)
    clock.advance(30_000)
    await refuseInvented(world, 100, how === 'is well' ? 401 : 503)
    assert.equal(issuer.jwksRequests, 3)
    assert.equal((await world.ask(undefined, { token: await tokenOf(world) })).status, 200)
  })
}

test('a thousand invented key ids ask a well issuer once, and Graph never', async () => {
  const clock = createFakeClock()
  await using world = await startRotatingWorld(clock)
  await world.ask()
  clock.advance(60_000)
  await refuseInvented(world, 1000, 401)
  assert.equal(world.emulator.issuer.jwksRequests, 2)
  assert.equal(world.emulator.graph.calls, 1)
})

/** Nobody can say whether a key is invented while the issuer cannot be asked. */
async function refuseInvented(world: World, count: number, expected: 401 | 503): Promise<void> {
  for (let asked = 0; asked < count; asked += 50) {
    const tokens = await Promise.all(Array.from({ length: 50 }, (_, at) => tokenOf(world, `${asked}-${at}`)))
    const replies = await Promise.all(tokens.map((token) => world.ask(undefined, { token })))
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([expected]))
  }
}
