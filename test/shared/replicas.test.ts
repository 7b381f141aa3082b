import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '../security/wire.ts'
import { sessionPath, type World, workspacePath } from '../world/world.ts'
import { type Fleet, startFleet } from './fleet.ts'

describe('replicas that share a tier', () => {
  let fleet: Fleet
  before(async () => {
    fleet = await startFleet({ replicas: 3 })
  })
  after(() => fleet[Symbol.asyncDispose]())

  test('ask Graph once for a thousand callers of one session, spread over all of them', async () => {
    const replies = await Promise.all(
      Array.from({ length: 999 }, (_, n) => fleet.replicas[n % 3]?.ask() ?? assert.fail()),
    )
    assert.ok(replies.every(({ status, body }) => status === 200 && body === replies[0]?.body))
    assert.equal(fleet.calls, 1)
  })

  test('give what another has brought as a hit, with its age, its tag and the trip that brought it', async () => {
    const [one, two] = fleet.replicas
    assert.ok(one !== undefined && two !== undefined)
    const path = `${sessionPath}?$select=id`
    const brought = await one.ask(path)
    await until('it is stored', async () => Number(await fleet.redis.command('DBSIZE')) >= 4)
    const calls = fleet.calls
    const hit = await two.ask(path)
    assert.match(String(hit.headers['cache-status']), /^session-gateway; hit; ttl=(?:29|30)$/)
    assert.deepEqual(
      [hit.body, hit.headers['etag'], fleet.calls],
      [brought.body, brought.headers['etag'], calls],
    )
  })

  test('remember together that Graph has no such session', async () => {
    const [one, two] = fleet.replicas
    assert.ok(one !== undefined && two !== undefined)
    const path = `${workspacePath}/sessions/00000000-0000-4000-8000-000000000000`
    const earlier = fleet.calls
    assert.equal((await one.ask(path)).status, 404)
    assert.equal((await two.ask(path)).status, 404)
    assert.equal(fleet.calls, earlier + 1)
  })

  test('are all asked to wait when Graph has asked one of them: nobody asks it before', async () => {
    const [one, two, three] = fleet.replicas
    assert.ok(one !== undefined && two !== undefined && three !== undefined)
    fleet.emulator.fail('graph', { kind: 'status', status: 429, retryAfter: '60' }, 1)
    assert.equal((await one.ask(`${sessionPath}?$select=displayName`)).status, 503)
    const told = async (replica: World): Promise<boolean> =>
      /^session_gateway_graph_gate_shut_seconds [1-9]/m.test((await replica.manage('/metrics')).body)
    await until('the others have heard', async () => (await told(two)) && (await told(three)))
    const calls = fleet.calls
    for (const replica of fleet.replicas) {
      const reply = await replica.ask(`${workspacePath}/sessions/00000000-0000-4000-8000-000000000001`)
      assert.equal(reply.status, 503)
      assert.ok(Number(reply.headers['retry-after']) > 30)
    }
    assert.equal(fleet.calls, calls)
  })
})
