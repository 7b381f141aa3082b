import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import { type Reply, startWorld } from '../world/world.ts'
import { closeWorld, costOf, placeSession, verdict } from './answers.ts'

const clock = createFakeClock()
const world = await startWorld({ clock, config: { cache: { staleWhileRevalidate: '0s' } } })
const replies: Reply[] = []
after(() => closeWorld(world, replies))

for (const [status, code] of [
  [404, 'ResourceNotFound'],
  [404, 'itemNotFound'],
  [410, 'ResourceGone'],
] as const) {
  test(`a ${status} ${code} keeps its status and code, has our ids, and is remembered for notFoundFor`, async () => {
    const { path } = placeSession(world)
    const message = 'A message of Graph, with the name of a session in it.'
    world.emulator.fail('graph', { kind: 'status', status, code, message })
    const first = await costOf(world, () =>
      world.ask(path, { headers: { 'client-request-id': 'the-caller-s-own' } }),
    )
    replies.push(first.result)
    assert.deepEqual(
      [...verdict(first.result), first.calls, first.exchanges],
      [status, code, undefined, 1, 0],
    )
    assert.doesNotMatch(first.result.body, /A message of Graph/)
    const { innerError } = first.result.json.error
    assert.equal(innerError['request-id'], first.result.headers['request-id'])
    assert.equal(innerError['client-request-id'], 'the-caller-s-own')
    const [record] = world.records.slice(-1)
    assert.equal(record?.['requestId'], innerError['request-id'])
    assert.notEqual(record?.['graphRequestId'], innerError['request-id'])
    assert.equal(
      first.result.headers['cache-status'],
      `session-gateway; fwd=uri-miss; fwd-status=${status}; stored`,
    )
    assert.equal(first.result.headers['proxy-status'], undefined)

    clock.advance(4_999)
    const second = await costOf(world, () => world.ask(path))
    assert.deepEqual([...verdict(second.result), second.calls], [status, code, undefined, 0])
    assert.equal(second.result.headers['cache-status'], 'session-gateway; hit; ttl=1')

    clock.advance(1)
    const third = await costOf(world, () => world.ask(path))
    assert.deepEqual([third.result.status, third.calls], [200, 1])
  })
}

test('a 404 takes the place of a stored 200', async () => {
  const { id, path } = placeSession(world)
  const entriesBefore = await entries()
  assert.equal((await world.ask(path)).status, 200)
  clock.advance(30_000)
  world.emulator.graph.remove('default', id)
  assert.equal((await world.ask(path)).status, 404)
  assert.equal((await world.ask(path)).status, 404)
  assert.equal((await entries()) - entriesBefore, 1)
})

async function entries(): Promise<number> {
  const { body } = await world.manage('/metrics')
  return Number(/^session_gateway_cache_entries (\d+)$/m.exec(body)?.[1])
}

for (const [what, body] of [
  ['has no body', ''],
  ['is HTML', '<html>not here</html>'],
  ['is JSON of somebody else', '{"message":"no route"}'],
  ['has an error that is a text', '{"error":"gone"}'],
] as const) {
  test(`a 404 that ${what} says nothing of the session: 502, or what is kept for when Graph fails`, async () => {
    const { path } = placeSession(world)
    assert.equal((await world.ask(path)).status, 200)
    clock.advance(30_000)
    world.emulator.fail('graph', { kind: 'body', status: 404, headers: {}, body })
    const before = await entries()
    const kept = await world.ask(path)
    assert.equal(kept.status, 200)
    assert.equal(
      kept.headers['cache-status'],
      'session-gateway; fwd=stale; fwd-status=404; detail=graphAnswerInvalid',
    )
    assert.equal(await entries(), before)

    world.emulator.fail('graph', { kind: 'body', status: 404, headers: {}, body })
    const reply = await world.ask(placeSession(world).path)
    replies.push(reply)
    assert.deepEqual(verdict(reply), [502, 'graphAnswerInvalid', undefined])
  })
}

for (const [what, body] of [
  ['has a code that is no code', '{"error":{"code":"bad code\\r\\nx: y","message":"m"}}'],
  ['has a code that is no text', '{"error":{"code":7}}'],
  ['has a code without end', JSON.stringify({ error: { code: 'x'.repeat(65) } })],
] as const) {
  test(`a 404 that ${what} is a 404 itemNotFound`, async () => {
    const { path } = placeSession(world)
    world.emulator.fail('graph', { kind: 'body', status: 404, headers: {}, body })
    const reply = await world.ask(path)
    replies.push(reply)
    assert.deepEqual(verdict(reply), [404, 'itemNotFound', undefined])
  })
}

test('headers of a 404, and an id that is none, go no further than here', async () => {
  const { path } = placeSession(world)
  world.emulator.fail('graph', {
    kind: 'body',
    status: 404,
    headers: { 'request-id': 'odd id', 'set-cookie': 'a=b', etag: '"x"' },
    body: '',
  })
  const reply = await world.ask(path)
  assert.equal(reply.headers['set-cookie'], undefined)
  assert.equal(reply.headers['etag'], undefined)
  assert.equal(world.records.at(-1)?.['graphRequestId'], undefined)
})
