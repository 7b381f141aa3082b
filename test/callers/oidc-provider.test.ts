import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { after, before, test } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import { type Configuration, Provider } from 'oidc-provider'
import { Agent, request } from 'undici'
import type { Emulator } from '../../src/emulator/index.ts'
import { audience, type World } from '../world/world.ts'
import { reasonOf, startWorldKnowing } from './forge.ts'

const client = { client_id: 'nightly-report', client_secret: 'known to the provider and the client alone' }
const jwtResource = 'https://gateway.example/jwt'
const opaqueResource = 'https://gateway.example/opaque'

interface RunningProvider extends AsyncDisposable {
  readonly url: string
}

/** A certified OpenID provider that knows one client and issues RS256 access tokens for this gateway. */
async function startProvider(emulator: Emulator): Promise<RunningProvider> {
  const { certPem, keyPem } = await emulator.certificateFor(['localhost'])
  const server = createServer({ cert: certPem, key: keyPem })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert(address !== null && typeof address === 'object')
  const url = `https://localhost:${address.port}`
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const configuration: Configuration = {
    clients: [{ ...client, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'signs' }] },
    cookies: { keys: ['never set'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          scope: 'read',
          audience,
          ...(resource === jwtResource
            ? { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }
            : { accessTokenFormat: 'opaque' }),
        }),
      },
    },
  }
  const answer = new Provider(url, configuration).callback()
  server.on('request', (message, response) => void answer(message, response))
  return {
    url,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

let provider: RunningProvider
let world: World
const running = new AsyncDisposableStack()
after(() => running.disposeAsync())

before(async () => {
  const issuers: Record<string, object> = {}
  const access = {
    reports: { callers: [{ issuer: 'provider', subject: client.client_id }], workspaces: ['*'] },
  }
  world = running.use(
    await startWorldKnowing(() => ({ issuers, access }), {
      async prepare(emulator) {
        provider = running.use(await startProvider(emulator))
        issuers['provider'] = { type: 'oidc', issuer: provider.url, audience }
      },
    }),
  )
})

async function tokenFor(resource: string): Promise<string> {
  const agent = new Agent({ connect: { ca: world.ca } })
  try {
    const { body, statusCode } = await request(`${provider.url}/token`, {
      dispatcher: agent,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource, ...client }).toString(),
    })
    const text = await body.text()
    assert.equal(statusCode, 200, text)
    const granted: unknown = JSON.parse(text)
    assert(typeof granted === 'object' && granted !== null && 'access_token' in granted)
    assert(typeof granted.access_token === 'string')
    return granted.access_token
  } finally {
    await agent.destroy()
  }
}

test("a certified provider's access token reads a session", async () => {
  const reply = await world.ask(undefined, { token: await tokenFor(jwtResource) })
  assert.equal(reply.status, 200, reasonOf(world, reply))
  const record = world.records.at(-1)
  assert.partialDeepStrictEqual(record, { issuer: 'provider', subject: client.client_id, rule: 'reports' })
  assert.equal(typeof record?.['tokenId'], 'string')
})

test('its opaque access token is refused: there is nothing in it to verify', async () => {
  const calls = world.emulator.graph.calls
  const reply = await world.ask(undefined, { token: await tokenFor(opaqueResource) })
  assert.equal(reply.status, 401)
  assert.equal(reasonOf(world, reply), 'the token is not a JWT')
  assert.equal(world.emulator.graph.calls, calls)
})
