import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from './world/fake-clock.ts'
import { type Reply, sessionId, sessionPath, startWorld, workspacePath } from './world/world.ts'

test('a caller with its own workload token reads a session, byte for byte as Graph sent it', async () => {
  await using world = await startWorld()
  const reply = await world.ask()
  assert.equal(reply.status, 200)
  assert.equal(reply.json.id, sessionId)
  assert.equal(reply.headers['cache-status'], 'session-gateway; fwd=uri-miss; fwd-status=200; stored')
  assert.equal(world.emulator.graph.calls, 1)
  assert.equal(world.emulator.entra.exchanges, 1)
})

test('a thousand concurrent first requests cost one call to Graph and one exchange', async () => {
  // Without TLS, in waves, and by a clock that stands still: a thousand handshakes are not what this is about.
  await using world = await startWorld({ clock: createFakeClock(), config: { server: { tls: 'off' } } })
  const { promise: landing, resolve: land } = Promise.withResolvers<void>()
  world.emulator.fail('graph', { kind: 'hold', until: landing })
  const asked: Promise<Reply>[] = []
  while (asked.length < 1000) {
    asked.push(...Array.from({ length: 100 }, () => world.ask()))
    const waiting = new RegExp(`^session_gateway_requests_in_flight ${asked.length}$`, 'm')
    while (!waiting.test((await world.manage('/metrics')).body));
  }
  land()
  const replies = await Promise.all(asked)
  assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]))
  assert.equal(new Set(replies.map(({ body }) => body)).size, 1)
  assert.equal(world.emulator.graph.calls, 1)
  assert.equal(world.emulator.entra.exchanges, 1)
  assert.equal(world.records.length, 1000)
})

test('both key forms, any case and any order of $select meet the same entry', async () => {
  await using world = await startWorld()
  await world.ask(`${sessionPath}?$select=displayName,id`)
  for (const spelling of [
    `${sessionPath}?select=id,displayName`,
    `${sessionPath}?%24SELECT=ID,DISPLAYNAME,id`,
    `/BETA/Security/SecurityCopilot/workspaces('default')/sessions('${sessionId.toUpperCase()}')?$select=id,displayName`,
    `/beta/security/securityCopilot/Workspaces/default/sessions(%27${sessionId}%27)?$select=id%2CdisplayName`,
  ]) {
    const reply = await world.ask(spelling)
    assert.equal(reply.status, 200, spelling)
    assert.match(String(reply.headers['cache-status']), /; hit; ttl=\d+$/, spelling)
  }
  assert.equal(world.emulator.graph.calls, 1)
  assert.equal(world.emulator.graph.requests[0]?.target, `${sessionPath}?$select=displayName,id`)
  assert.equal((await world.ask(`${workspacePath}/sessions/${sessionId}`)).headers['age'], undefined)
})

test('without any access rule the gateway starts, and denies everything', async () => {
  await using world = await startWorld({ without: ['access'] })
  const reply = await world.ask()
  assert.deepEqual([reply.status, reply.json.error.code], [403, 'accessDenied'])
  assert.equal(world.emulator.graph.calls, 0)
  assert.equal((await world.manage('/readyz')).status, 200)
})
