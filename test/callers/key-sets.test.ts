import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import type { JWK } from 'jose'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import type { Reply } from '../world/world.ts'
import { createForge, type Forge, publish, reasonOf, startForgedWorld, type ForgedWorld } from './forge.ts'

/** As a token without a key id is signed. */
const noKid = { kid: undefined }

function without(key: JWK, ...names: (keyof JWK)[]): JWK {
  return Object.fromEntries(Object.entries(key).filter(([name]) => !names.some((other) => other === name)))
}

const asks = (world: ForgedWorld, forge: Forge, header: object = {}): Promise<Reply> =>
  world.askWith(`Bearer ${forge.sign(world.claims(), header)}`)

async function fiveMinutes(world: ForgedWorld, clock: FakeClock): Promise<void> {
  const fetches = (): number => world.logs.filter(({ issuer }) => issuer === 'oidc').length
  const before = world.emulator.issuer.jwksRequests
  const lines = fetches()
  clock.advance(5 * 60_000)
  while (world.emulator.issuer.jwksRequests === before || fetches() === lines) await world.manage('/livez')
}

const curve = (namedCurve: string): JWK =>
  generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' })
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
const exchange = generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' })
const secret = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })
const rsa = without(createForge().publicJwk, 'alg', 'use')

const useless: readonly (readonly [what: string, key: JWK])[] = [
  ['for encryption, by its use', { ...rsa, use: 'enc' }],
  ['for encryption, by its alg', { ...rsa, alg: 'RSA-OAEP-256' }],
  ['RSA, and for a curve, by its alg', { ...rsa, alg: 'ES256' }],
  ['RSA, and for a shared secret, by its alg', { ...rsa, alg: 'HS256' }],
  ['of one curve, and for another, by its alg', { ...curve('P-256'), alg: 'ES384' }],
  ['for signing only, by its key_ops', { ...rsa, key_ops: ['sign'] }],
  ['with key_ops that are no list', { ...rsa, key_ops: 'verify' as never }],
  ['with a key id that is no text', { ...rsa, kid: 7 as never }],
  ['of 1024 bits', weak],
  ['for key agreement', exchange],
  ['of a curve that no token is signed with', curve('secp256k1')],
  ['with its private half', secret],
]

for (const [what, key] of useless) {
  test(`a key ${what} takes no other key's place, alone in its set or not`, async () => {
    const clock = createFakeClock()
    await using world = await startForgedWorld(() => ({}), { clock })
    assert.equal((await asks(world, world.forge)).status, 200)
    publish(world.emulator, [key])
    await fiveMinutes(world, clock)
    assert.equal((await asks(world, world.forge)).status, 200)
    assert.match((await world.manage('/readyz')).body, /issuer oidc: keys cannot be fetched/)
    const next = createForge()
    publish(world.emulator, [key, next.publicJwk])
    clock.advance(30_000)
    while (!world.logs.some(({ passedOver }) => passedOver === 1)) await world.manage('/livez')
    assert.equal((await asks(world, next)).status, 200)
  })
}

test('a key without alg and use verifies, whatever of its algorithms the token names', async () => {
  await using world = await startForgedWorld()
  publish(world.emulator, [{ ...rsa, kid: 'other' }, without(world.forge.publicJwk, 'alg', 'use')])
  assert.equal((await asks(world, world.forge)).status, 200)
})

test('of keys without ids each is tried, old and new, and a stranger’s signature is none of them', async () => {
  const clock = createFakeClock()
  await using world = await startForgedWorld(() => ({}), { clock })
  const [old, next, stranger] = [createForge(), createForge(), createForge()]
  publish(world.emulator, [without(old.publicJwk, 'kid')])
  assert.equal((await asks(world, old, noKid)).status, 200, 'the only one')
  clock.advance(30_000)
  publish(
    world.emulator,
    [old, next].map(({ publicJwk }) => without(publicJwk, 'kid')),
  )
  for (const forge of [next, old]) assert.equal((await asks(world, forge, noKid)).status, 200)
  const reply = await asks(world, stranger, noKid)
  assert.equal(reply.status, 401)
  assert.match(reasonOf(world, reply), /signature verification failed/)
})

test('two keys under one id are both believed, and a new key under the old id at once', async () => {
  const clock = createFakeClock()
  await using world = await startForgedWorld(() => ({}), { clock })
  const forges = [createForge(), createForge()] as const
  const named = (forge: Forge): JWK => ({ ...forge.publicJwk, kid: 'the-key' })
  publish(world.emulator, forges.map(named))
  for (const forge of forges) assert.equal((await asks(world, forge, { kid: 'the-key' })).status, 200)
  clock.advance(30_000)
  const next = createForge()
  publish(world.emulator, [named(next)])
  assert.equal((await asks(world, next, { kid: 'the-key' })).status, 200)
  assert.equal((await asks(world, forges[0], { kid: 'the-key' })).status, 401)
})

test('of many keys without ids eight are tried, so that a stranger’s token costs no more', async () => {
  const clock = createFakeClock()
  await using world = await startForgedWorld(() => ({}), { clock })
  const forges = Array.from({ length: 9 }, () => createForge('ed25519'))
  publish(
    world.emulator,
    forges.map(({ publicJwk }) => without(publicJwk, 'kid')),
  )
  const replies = []
  for (const forge of forges) replies.push((await asks(world, forge, noKid)).status)
  assert.deepEqual(replies, [...Array.from({ length: 8 }, () => 200), 401])
})

test('a key id that two issuers publish is looked up in the set of the token’s own issuer', async () => {
  await using world = await startForgedWorld()
  // The cluster's key, under an id that the other issuer has as well.
  const kid = JSON.parse(
    Buffer.from((await world.emulator.issuer.token()).split('.')[0] ?? '', 'base64url').toString(),
  ).kid
  const double = createForge()
  publish(world.emulator, [{ ...double.publicJwk, kid }])
  assert.equal((await asks(world, double, { kid })).status, 200)
  assert.equal((await world.ask()).status, 200)
  const crossed = double.sign(world.claims({ iss: world.emulator.cluster.issuerUrl }), { kid })
  assert.equal((await world.askWith(`Bearer ${crossed}`)).status, 401)
})
