import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Client, type ClientOptions, GraphError } from '@microsoft/microsoft-graph-client'
import { sessionId, type World } from '../world/world.ts'
import { type SdkWorld, startSdkWorld } from './sdk-world.ts'

const session = `/security/securityCopilot/workspaces/default/sessions/${sessionId}`

describe('the Graph client of Microsoft', () => {
  let sdk: SdkWorld
  let world: World
  before(async () => {
    sdk = await startSdkWorld()
    world = sdk.world
  })
  after(() => sdk[Symbol.asyncDispose]())
  const clientOf = (serviceAccount: string, options: Partial<ClientOptions> = {}): Promise<Client> =>
    sdk.of(serviceAccount, options)

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
