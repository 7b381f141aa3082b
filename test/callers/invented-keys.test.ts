import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Emulator } from '../../src/emulator/index.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { audience, type World } from '../world/world.ts'
import { compact, publish, startForgedWorld, type ForgedWorld, startWorldKnowing, until } from './forge.ts'

/** A token of a key that nobody has: a signature is never looked at. */
function invented(world: ForgedWorld): string {
  const header = { alg: 'RS256', kid: randomBytes(1 + Math.floor(Math.random() * 64)).toString('base64url') }
  return `Bearer ${compact(header, world.claims(), () => randomBytes(256))}`
}

async function refused(world: ForgedWorld, count: number, expected = 401): Promise<void> {
  for (let asked = 0; asked < count; asked += 200) {
    const replies = await Promise.all(
      Array.from({ length: Math.min(200, count - asked) }, () => world.askWith(invented(world))),
    )
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([expected]))
  }
}

async function rememberedBy(world: World): Promise<number> {
  const { body } = await world.manage('/metrics')
  return Number(/caller_tokens_remembered (\d+)/.exec(body)?.[1])
}

/** One request to the issuer is one fetch: the keys' address is configured, not discovered. */
const keysAt = ({ issuer }: Emulator): object => ({ issuers: { oidc: { jwksUri: `${issuer.url}/jwks` } } })

// While the issuer cannot be asked nobody knows whether the key is a new one of its own.
for (const [how, status, ail] of [
  ['is well', 401, () => undefined],
  ['publishes no key', 503, (emulator: Emulator) => publish(emulator, [])],
  [
    'answers 500',
    503,
    (emulator: Emulator) => emulator.fail('issuer', { kind: 'status', status: 500 }, Infinity),
  ],
] as const) {
  test(`ten thousand invented key ids cost one question and no memory while the issuer ${how}`, async () => {
    const clock = createFakeClock()
    await using world = await startForgedWorld(keysAt, { clock })
    const { emulator, forge } = world
    const good = `Bearer ${forge.sign(world.claims())}`
    assert.equal((await world.askWith(good)).status, 200)
    const before = emulator.issuer.jwksRequests
    const remembered = await rememberedBy(world)
    ail(emulator)
    await refused(world, 10_000, status)
    assert.equal(emulator.issuer.jwksRequests, before + 1)
    assert.equal(await rememberedBy(world), remembered)
    assert.equal((await world.askWith(good)).status, 200)
    clock.advance(30_000)
    await refused(world, 200, status)
    assert.equal(emulator.issuer.jwksRequests, before + 2)
    assert.equal(emulator.graph.calls, 1)
  })
}

test('whoever shows an invented key id while the issuer hangs waits two seconds at most, and most not at all', async () => {
  const clock = createFakeClock()
  await using world = await startForgedWorld(keysAt, { clock })
  const { emulator } = world
  const before = emulator.issuer.jwksRequests
  emulator.fail('issuer', { kind: 'hang' }, Infinity)
  const first = refused(world, 50, 503)
  await until(world, () => emulator.issuer.jwksRequests > before)
  clock.advance(2_000)
  await first
  // Time stands still from here on: whoever had to wait would wait for ever.
  await refused(world, 1_000, 503)
  assert.equal((await world.askWith(`Bearer ${world.forge.sign(world.claims())}`)).status, 200)
  assert.equal(emulator.issuer.jwksRequests, before + 1)
})

test('a key that changes under load fails no request, a moment after its set has been fetched', async () => {
  const clock = createFakeClock()
  await using world = await startWorldKnowing(keysAt, { clock })
  const { issuer } = world.emulator
  let hasRotated = false
  let serial = 0
  const statuses: number[] = []
  const ask = async (token: string): Promise<void> => {
    statuses.push((await world.ask(undefined, { token })).status)
  }
  const tokenNow = (): Promise<string> =>
    issuer.token({ sub: 'reader', aud: audience, jti: `${(serial += 1)}` })
  const old = await Promise.all(Array.from({ length: 100 }, tokenNow))
  async function caller(at: number): Promise<void> {
    for (let turn = 0; turn < 40; turn += 1) {
      if (at === 0 && turn === 20) {
        await issuer.rotate()
        hasRotated = true
      }
      // Half of them go on with what they have; it is published still.
      await ask(hasRotated && at % 2 === 0 ? await tokenNow() : (old[(at * 40 + turn) % 100] ?? ''))
    }
  }
  await Promise.all(Array.from({ length: 10 }, (_, at) => caller(at)))
  assert.equal(statuses.length, 400)
  assert.deepEqual(new Set(statuses), new Set([200]))
  assert.equal(issuer.jwksRequests, 2)
})
