import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { Fault } from '../../src/emulator/index.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { type Reply, startWorld } from '../world/world.ts'
import { closeWorld, costOf, placeSession, verdict } from './answers.ts'

const clock = createFakeClock()
const world = await startWorld({ clock, config: { graph: { deadline: '10s' } } })
const { emulator } = world
const replies: Reply[] = []
after(() => closeWorld(world, replies))
// No failures counted.
beforeEach(async () => {
  emulator.recover('graph')
  assert.equal((await world.ask(placeSession(world).path)).status, 200)
})

const chances: readonly (readonly [what: string, fault: Fault, proxyError: string])[] = [
  ['a reset', { kind: 'reset' }, 'connection_terminated'],
  ['a 500', { kind: 'status', status: 500 }, 'http_request_error'],
  ['a 502 of HTML', { kind: 'html', status: 502 }, 'http_request_error'],
  ['a 503 without Retry-After', { kind: 'status', status: 503 }, 'http_request_error'],
  [
    'a 503 with a Retry-After that cannot be read',
    { kind: 'status', status: 503, retryAfter: 'soon' },
    'http_request_error',
  ],
  ['a 504', { kind: 'status', status: 504 }, 'http_request_error'],
]

for (const [what, fault, proxyError] of chances) {
  test(`${what} is tried once more, and the caller hears nothing of it`, async () => {
    emulator.fail('graph', fault)
    const { result, calls, exchanges } = await costOf(world, () => world.ask(placeSession(world).path))
    replies.push(result)
    assert.deepEqual([result.status, calls, exchanges], [200, 2, 0])
  })

  test(`${what} twice is a 502, not stored`, async () => {
    const { path } = placeSession(world)
    emulator.fail('graph', fault, 2)
    const { result, calls, exchanges } = await costOf(world, () => world.ask(path))
    replies.push(result)
    assert.deepEqual([...verdict(result), calls, exchanges], [502, 'graphFailed', undefined, 2, 0])
    const received = 'status' in fault ? `; received-status=${fault.status}` : ''
    assert.equal(result.headers['proxy-status'], `session-gateway; error=${proxyError}${received}`)
    clock.advance(1_000)
    assert.equal((await world.ask(path)).status, 200)
  })
}

test('every try has a client-request-id of its own, and the record names the one that was answered', async () => {
  emulator.fail('graph', { kind: 'reset' })
  const seen = emulator.graph.requests.length
  await world.ask(placeSession(world).path)
  const ids = emulator.graph.requests.slice(seen).map(({ rawHeaders }) => {
    return rawHeaders[rawHeaders.indexOf('client-request-id') + 1]
  })
  assert.equal(new Set(ids).size, 2)
  assert.equal(world.records.at(-1)?.['graphClientRequestId'], ids[1])
})

test('Graph answering nothing is a 504 at the deadline, in one call, not stored', async () => {
  const { path } = placeSession(world)
  emulator.fail('graph', { kind: 'hang' })
  const before = emulator.graph.calls
  const asking = world.ask(path)
  await emulator.reached('graph', before + 1)
  clock.advance(10_000)
  const reply = await asking
  replies.push(reply)
  assert.deepEqual(verdict(reply), [504, 'graphTimedOut', undefined])
  assert.equal(reply.headers['proxy-status'], 'session-gateway; error=http_response_timeout')
  assert.equal(emulator.graph.calls, before + 1)
  clock.advance(1_000)
  assert.equal((await world.ask(path)).status, 200)
})

test('both tries share one deadline', async () => {
  clock.advance(31_000)
  const hold = Promise.withResolvers<void>()
  emulator.fail('graph', { kind: 'hold', until: hold.promise })
  emulator.fail('graph', { kind: 'hang' })
  const before = emulator.graph.calls
  const asking = world.ask(placeSession(world).path)
  await emulator.reached('graph', before + 1)
  clock.advance(9_000)
  // So the first try ends in a 401, and the second has a second left.
  emulator.entra.revokeTokens()
  hold.resolve()
  await emulator.reached('graph', before + 2)
  clock.advance(1_000)
  const reply = await asking
  replies.push(reply)
  assert.deepEqual(verdict(reply), [504, 'graphTimedOut', undefined])
})

test('waiting for a token is part of the deadline', async () => {
  emulator.entra.revokeTokens()
  emulator.fail('token', { kind: 'hang' })
  const before = emulator.entra.requests.length
  clock.advance(30_000)
  const asking = world.ask(placeSession(world).path)
  await emulator.reached('token', before + 1)
  clock.advance(10_000)
  const reply = await asking
  replies.push(reply)
  assert.deepEqual(verdict(reply), [503, 'tokenUnavailable', '1'])
})
