import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { redisLogins, redisResource } from '../../src/token/index.ts'
import { failureOf, startEntra } from './entra.ts'
import { startMachine } from './imds.ts'

const [entra, machine] = await Promise.all([startEntra(), startMachine()])
after(() => Promise.all([entra[Symbol.asyncDispose](), machine[Symbol.asyncDispose]()]))
beforeEach(() => {
  entra.emulator.reset()
  machine.emulator.reset()
})

function claimsIn(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
}

test('with a secret the scope of Redis is asked for, and its token is for nobody else', async () => {
  const { value, roles } = await entra.exchange({ resource: redisResource })()
  const [asked] = entra.emulator.entra.requests
  assert.equal(
    new URLSearchParams(String(asked?.body)).get('scope')?.split(' ')[0],
    'https://redis.azure.com/.default',
  )
  const { aud, oid } = claimsIn(value)
  assert.deepEqual([aud, oid, roles], ['https://redis.azure.com', entra.emulator.entra.objectId, []])
})

test('with a managed identity the resource of Redis is asked for, and each resource has its own token', async () => {
  const graph = await machine.exchange()()
  const redis = await machine.exchange({ resource: redisResource })()
  const resources = machine.emulator.imds.requests.map(({ target }) =>
    new URL(target, 'http://x').searchParams.get('resource'),
  )
  assert.deepEqual(resources, ['https://graph.microsoft.com', 'https://redis.azure.com'])
  assert.deepEqual(
    [graph, redis].map(({ value }) => claimsIn(value)['aud']),
    resources,
  )
  assert.deepEqual(redis.roles, [])
})

test('a tenant in which Redis has no service principal is told as such, and not as one without Graph', async () => {
  entra.emulator.fail('token', { kind: 'entraError', aadsts: 500011 })
  const { message } = await failureOf(entra.exchange({ resource: redisResource }))
  assert.match(message, /What to do: https:\/\/redis\.azure\.com has no service principal/)
})

test('a token that does not say who we are is no login', async () => {
  const logins = redisLogins({ get: () => Promise.resolve('opaque'), onToken: () => () => {} })
  await assert.rejects(logins.get(), /no claim oid/)
})
