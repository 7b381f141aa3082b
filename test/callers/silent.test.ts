import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import { startForgedWorld } from './forge.ts'

test('a token for the twin that has no keys yet is 503, not 401', async () => {
  await using world = await startForgedWorld(
    ({ issuer: { url } }) => ({
      issuers: {
        twin: {
          type: 'oidc',
          issuer: url,
          audience: 'twin.test',
          jwksUri: `${url.replace('/issuer', '')}/nowhere`,
        },
      },
    }),
    { clock: createFakeClock() },
  )
  const good = world.forge.sign(world.claims())
  assert.equal((await world.askWith(`Bearer ${good}`)).status, 200)
  const reply = await world.askWith(`Bearer ${world.forge.sign(world.claims({ aud: 'twin.test' }))}`)
  assert.equal(reply.status, 503)
  assert.equal(reply.json.error.code, 'issuerUnavailable')
})

test('a token of nobody is 401 though another configured issuer is silent', async () => {
  await using world = await startForgedWorld(
    () => ({
      issuers: {
        down: {
          type: 'oidc',
          issuer: 'https://down.invalid',
          audience: 'a',
          jwksUri: 'https://localhost:1/jwks',
        },
      },
    }),
    { clock: createFakeClock() },
  )
  const evil = world.forge.sign(world.claims({ iss: 'https://evil.example' }))
  assert.equal((await world.askWith(`Bearer ${evil}`)).status, 401)
})
