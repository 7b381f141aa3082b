import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, test } from 'node:test'
import { audience, sessionPath, startWorld } from '../world/world.ts'
import { createForge, reasonOf, startForgedWorld } from './forge.ts'

const world = await startForgedWorld()
after(() => world[Symbol.asyncDispose]())
const { forge, claims } = world
const good = forge.sign(claims())

test('a request without a token is told how to bring one, and of no error', async () => {
  const reply = await world.ask(undefined, { token: null })
  assert.equal(reply.status, 401)
  assert.equal(reply.headers['www-authenticate'], 'Bearer realm="session-gateway"')
  assert.equal(reply.json.error.code, 'unauthenticated')
  assert.equal(reasonOf(world, reply), 'there is no Authorization header')
})

for (const authorization of [
  'Basic cmVhZGVyOnNlY3JldA==',
  'Negotiate YII=',
  good,
  '',
  'Bearerish x',
  'DPoP x',
]) {
  test(`another scheme than Bearer is 401 and no error in a token: ${authorization.slice(0, 16)}`, async () => {
    const reply = await world.askWith(authorization)
    assert.equal(reply.status, 401)
    assert.equal(reply.headers['www-authenticate'], 'Bearer realm="session-gateway"')
    assert.equal(reasonOf(world, reply), 'the Authorization header holds no bearer token')
  })
}

for (const [what, authorization] of [
  ['no token at all', 'Bearer'],
  ['spaces only', 'Bearer    '],
  ['two tokens, the good one first', `Bearer ${good} ${good}x`],
  ['two tokens, the good one last', `Bearer x ${good}`],
  ['two tokens with a comma', `Bearer ${good}, Bearer ${good}`],
  ['a token in quotes', `Bearer "${good}"`],
  ['a tab before the token', `Bearer\t${good}`],
  ['bytes beyond ASCII', `Bearer ${good}\u00e9`],
] as const) {
  test(`after "Bearer" there is ${what}: 401, invalid_token`, async () => {
    const reply = await world.askWith(authorization)
    assert.equal(reply.status, 401)
    assert.equal(reply.headers['www-authenticate'], 'Bearer realm="session-gateway", error="invalid_token"')
    assert.match(reasonOf(world, reply), /holds no bearer token/)
    assert.equal(world.emulator.graph.calls, 0)
  })
}

test('the scheme may be written in any case, and with more than one space behind it', async () => {
  for (const scheme of ['bearer', 'BEARER', 'bEaReR', 'Bearer  ']) {
    const reply = await world.askWith(`${scheme} ${good}`, `${sessionPath}?$select=id`)
    assert.equal(reply.status, 200, scheme)
  }
})

test('what a token says of where its keys are is never followed', async () => {
  let connections = 0
  await using listener = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  assert(address !== null && typeof address === 'object')
  const place = `https://127.0.0.1:${address.port}/keys`
  const stranger = createForge()
  for (const header of [
    { jku: place },
    { x5u: place },
    { jku: place, x5u: place, jwk: stranger.publicJwk },
  ]) {
    for (const kid of [stranger.kid, forge.kid, undefined, place]) {
      const reply = await world.askWith(`Bearer ${stranger.sign(claims(), { ...header, kid })}`)
      assert.equal(reply.status, 401, JSON.stringify({ ...header, kid }))
    }
    // Where the issuer's own key has signed, they say nothing either.
    const vouched = forge.sign(claims(), header)
    assert.equal((await world.askWith(`Bearer ${vouched}`, `${sessionPath}?$select=id`)).status, 200)
  }
  assert.equal(connections, 0)
})

test('anonymous callers come without a token, but a bad token is 401 even for them', async () => {
  await using open = await startWorld({
    config: {
      issuers: { nobody: { type: 'anonymous', subject: 'a developer' } },
      access: { anyone: { callers: [{ issuer: 'nobody' }], workspaces: ['default'] } },
    },
  })
  assert.equal((await open.ask(undefined, { token: null })).status, 200)
  assert.equal(open.records.at(-1)?.['issuer'], 'nobody')
  assert.equal(open.records.at(-1)?.['subject'], 'a developer')
  assert.equal((await open.ask()).status, 200)
  assert.equal(open.records.at(-1)?.['issuer'], 'cluster')

  const expired = await open.emulator.issuer.token(
    { sub: 'reader', aud: audience },
    { expiresInSeconds: -60 },
  )
  for (const authorization of [`Bearer ${expired}`, 'Bearer nonsense', 'Bearer', 'Basic eDp4', '']) {
    const reply = await open.ask(undefined, { token: null, headers: { authorization } })
    assert.equal(reply.status, 401, authorization)
  }
})
