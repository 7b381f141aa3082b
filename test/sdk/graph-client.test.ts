import assert from 'node:assert/strict'
import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { Client, type ClientOptions, GraphError } from '@microsoft/microsoft-graph-client'
import { Agent, fetch } from 'undici'
import { sessionId, startWorld, type World } from '../world/world.ts'

const host = 'gateway.example'
const session = `/security/securityCopilot/workspaces/default/sessions/${sessionId}`

/** DNS knows nothing of the gateway's name here; the certificate does. */
const toLoopback: LookupFunction = (name, options, callback) =>
  lookup(name === host ? '127.0.0.1' : name, options, callback)

describe('the Graph client of Microsoft', () => {
  let world: World
  let dispatcher: Agent
  before(async () => {
    world = await startWorld()
    dispatcher = new Agent({ connect: { ca: world.ca, lookup: toLoopback } })
    // The client calls the global fetch; Node's own takes no dispatcher of another undici.
    Object.assign(globalThis, { fetch })
  })
  const ownFetch = globalThis.fetch
  after(async () => {
    Object.assign(globalThis, { fetch: ownFetch })
    await dispatcher.destroy()
    await world[Symbol.asyncDispose]()
  })

  async function clientOf(serviceAccount: string, options: Partial<ClientOptions> = {}): Promise<Client> {
    const token = await world.workloadToken(serviceAccount)
    return Client.initWithMiddleware({
      baseUrl: `https://${host}:${world.port}`,
      customHosts: new Set([host]),
      defaultVersion: 'beta',
      authProvider: { getAccessToken: () => Promise.resolve(token) },
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its types know nothing of dispatchers
      fetchOptions: { dispatcher } as ClientOptions['fetchOptions'] & object,
      ...options,
    })
  }

  async function failureOf(asked: Promise<unknown>): Promise<GraphError> {
    try {
      await asked
    } catch (error) {
      assert.ok(error instanceof GraphError, String(error))
      return error
    }
    throw new Error('the client was answered')
  }

  test('reads a session when it has our base URL and our host among its own', async () => {
    const client = await clientOf('triage')
    const read = await client.api(session).get()
    assert.equal(read.id, sessionId)
    assert.equal(read.displayName, 'API: who am I')
    assert.match(String(read['@odata.context']), /workspaces\('default'\)\/sessions\/\$entity$/)
    assert.equal(world.records.at(-1)?.['serviceAccount'], 'triage')
    assert.match(world.records.at(-1)?.['clientRequestId'], /^[0-9a-f-]{36}$/, 'the SDK’s own, for support')
  })

  test('chooses properties with select, which a rule for those properties permits', async () => {
    const client = await clientOf('wallboard')
    const read = await client.api(session).select(['id', 'displayName']).get()
    assert.deepEqual(Object.keys(read).toSorted(), ['@odata.context', 'displayName', 'id'])
    assert.deepEqual(world.records.at(-1)?.['select'], ['displayName', 'id'])
  })

  const failures: readonly [what: string, who: string, path: string, statusCode: number, code: string][] = [
    ['a refusal', 'intern', session, 403, 'accessDenied'],
    ['what Graph has not', 'triage', session.replace('ecdfb9b3', 'ecdfb9b4'), 404, 'ResourceNotFound'],
    ['what the gateway does not serve', 'triage', '/me', 404, 'unknownPath'],
    ['what nobody may ask', 'triage', `${session}?$expand=prompts`, 400, 'invalidRequest'],
  ]
  for (const [what, who, path, statusCode, code] of failures) {
    test(`reads ${what} as one of Graph’s own errors, with our code and our request id`, async () => {
      const client = await clientOf(who)
      const error = await failureOf(client.api(path).get())
      assert.deepEqual([error.statusCode, error.code], [statusCode, code])
      const record = await world.recordOf(error.requestId)
      assert.equal(record['status'], statusCode)
      assert.ok(error.message.length > 0)
    })
  }

  test('shows no token to a host that is not among its own', async () => {
    const client = await clientOf('triage', { customHosts: new Set() })
    const error = await failureOf(client.api(session).get())
    assert.deepEqual([error.statusCode, error.code], [401, 'unauthenticated'])
    const record = await world.recordOf(error.requestId)
    assert.equal(record['reason'], 'there is no Authorization header')
  })
})
