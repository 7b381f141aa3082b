import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Fault } from '../../src/emulator/index.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { type Reply, startWorld } from '../world/world.ts'
import { closeWorld, costOf, placeSession, verdict } from './answers.ts'

const clock = createFakeClock()
const world = await startWorld({ clock, config: { graph: { maxBody: '2KiB' } } })
const replies: Reply[] = []
after(() => closeWorld(world, replies))

const json = { 'Content-Type': 'application/json' }
const sending = (content: string | Buffer, headers: Record<string, string> = json): Fault => ({
  kind: 'body',
  status: 200,
  headers,
  body: content,
})
const whole = (id: string): string => JSON.stringify({ id })
const latin1 = Buffer.from('{"displayName":"\xff"}', 'latin1')

const untrusted: readonly (readonly [what: string, fault: (id: string) => Fault, select?: string])[] = [
  ['is cut off in the middle', () => ({ kind: 'truncate' })],
  ['is an HTML page', () => ({ kind: 'html' })],
  ['is HTML that says it is JSON', () => sending('<html></html>')],
  ['is JSON that says it is text', (id) => sending(whole(id), { 'Content-Type': 'text/plain' })],
  [
    'is of a type that only begins like JSON',
    (id) => sending(whole(id), { 'Content-Type': 'application/jsonp' }),
  ],
  ['does not say what it is', (id) => sending(whole(id), {})],
  ['is compressed, unasked', (id) => sending(gzipSync(whole(id)), { ...json, 'Content-Encoding': 'gzip' })],
  ['says it is compressed, and is not', (id) => sending(whole(id), { ...json, 'Content-Encoding': 'gzip' })],
  ['has the id of another session', () => ({ kind: 'otherId' })],
  ['has another id where none was asked for', () => ({ kind: 'otherId' }), 'displayName'],
  ['has an id that is no text', () => sending('{"id":7}')],
  ['has null for an id', () => sending('{"id":null}')],
  ['has a property that $select left out', () => ({ kind: 'extra' }), 'displayName'],
  ['has a property nobody knows, under $select', () => sending('{"ownerId":"x"}'), 'id,displayName'],
  ['has a property named like a prototype', () => sending('{"__proto__":{}}'), 'id'],
  ['differs from $select in case', () => sending('{"DisplayName":"x"}'), 'displayName'],
  ['is a list', () => sending('[]')],
  ['is a list with the session in it', (id) => sending(`[${whole(id)}]`)],
  ['is a text', () => sending('"session"')],
  ['is null', () => sending('null')],
  ['is empty', () => sending('')],
  ['is two documents', (id) => sending(whole(id) + whole(id))],
  ['is not UTF-8', () => sending(latin1)],
  ['is longer than graph.maxBody', () => sending(JSON.stringify({ displayName: 'x'.repeat(2048) }))],
  ['has 100 KB of headers', (id) => sending(whole(id), { ...json, 'X-Long': 'x'.repeat(100_000) })],
]

for (const [what, fault, select] of untrusted) {
  test(`a 200 that ${what} is a loud 502: asked for once, not stored`, async () => {
    const { id, path } = placeSession(world)
    const asked = select === undefined ? path : `${path}?$select=${select}`
    world.emulator.fail('graph', fault(id))
    const logged = world.logs.length
    const refused = await costOf(world, () => world.ask(asked))
    replies.push(refused.result)
    assert.deepEqual(verdict(refused.result), [502, 'graphAnswerInvalid', undefined])
    const proxyStatus = String(refused.result.headers['proxy-status'])
    assert.match(proxyStatus, /^session-gateway; error=http_protocol_error(; received-status=200)?$/)
    assert.deepEqual([refused.calls, refused.exchanges], [1, 0])
    const line = world.logs.slice(logged).find(({ code }) => code === 'graphAnswerInvalid')
    assert.equal(line?.['level'], 'warn')
    assert.ok(line['reason'])
    assert.equal(world.records.at(-1)?.['reason'], line['reason'])

    clock.advance(1_000)
    const again = await costOf(world, () => world.ask(asked))
    replies.push(again.result)
    assert.equal(
      again.result.headers['cache-status'],
      'session-gateway; fwd=uri-miss; fwd-status=200; stored',
    )
    assert.equal(again.calls, 1)
  })
}

const trusted: readonly (readonly [what: string, body: (id: string) => string, select?: string])[] = [
  ['writes the id in capitals', (id) => JSON.stringify({ id: id.toUpperCase() })],
  ['leaves the id out', () => '{"displayName":"x"}'],
  [
    'has the id and annotations besides what was selected',
    (id) => `{"@odata.context":"c","id":"${id}"}`,
    'displayName',
  ],
  ['has less than was selected', () => '{}', 'displayName'],
  ['has unknown properties where everything was asked for', () => '{"ownerId":"x"}'],
  ['is exactly as long as graph.maxBody', () => `{"displayName":"${'x'.repeat(2048 - 18)}"}`],
  ['has white space around it and unusual escapes', () => ' {"displayName":"\\u00e9\\/"}\n'],
]

for (const [what, body, select] of trusted) {
  test(`a 200 that ${what} is passed on byte for byte and stored`, async () => {
    const { id, path } = placeSession(world)
    const asked = select === undefined ? path : `${path}?$select=${select}`
    world.emulator.fail('graph', sending(body(id), { 'Content-Type': 'Application/JSON;charset=utf-8' }))
    const first = await world.ask(asked)
    const second = await costOf(world, () => world.ask(asked))
    for (const reply of [first, second.result]) {
      assert.deepEqual([reply.status, reply.body], [200, body(id)])
      assert.equal(reply.headers['content-type'], 'Application/JSON;charset=utf-8')
    }
    assert.equal(second.calls, 0)
  })
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`a ${status} of Graph is a 502, and nothing goes to the host it points to`, async (context) => {
    let connections = 0
    const elsewhere = createServer((socket) => {
      connections += 1
      socket.destroy()
    }).listen(0, '127.0.0.1')
    context.after(() => elsewhere.close())
    await once(elsewhere, 'listening')
    const address = elsewhere.address()
    assert.ok(address !== null && typeof address === 'object')
    const { path } = placeSession(world)
    const location = `https://localhost:${address.port}${path}`
    world.emulator.fail('graph', { kind: 'redirect', location, status })
    const { result, calls } = await costOf(world, () => world.ask(path))
    replies.push(result)
    assert.deepEqual([...verdict(result), calls], [502, 'graphAnswerInvalid', undefined, 1])
    assert.doesNotMatch(result.body, /localhost/)
    clock.advance(1_000)
    // After the next answer, whatever was on its way to the other host would have arrived.
    assert.equal((await world.ask(path)).status, 200)
    assert.equal(connections, 0)
  })
}

const graphsError = JSON.stringify({ error: { code: 'BadRequest', message: 'm' } })

for (const [status, body, code] of [
  ...[201, 204, 206, 304].map((n) => [n, '', 'graphAnswerInvalid'] as const),
  // Graph's own "no", and somebody else's; a 403 is one from whomever it comes.
  ...[400, 405, 418, 451].map((n) => [n, graphsError, 'graphRefused'] as const),
  ...[400, 402, 407, 451].map((n) => [n, '<html>', 'graphAnswerInvalid'] as const),
  ...['', '<html>', graphsError].map((content) => [403, content, 'graphRefused'] as const),
  // Of the connection, or of the moment.
  ...[408, 421, 425, 431].map((n) => [n, graphsError, 'graphFailed'] as const),
] as const) {
  test(`a ${status} of Graph with ${JSON.stringify(body.slice(0, 9))} is a 502 ${code}, asked for once and not stored`, async () => {
    const { path } = placeSession(world)
    world.emulator.fail('graph', { kind: 'body', status, headers: json, body })
    const { result, calls, exchanges } = await costOf(world, () => world.ask(path))
    replies.push(result)
    assert.deepEqual([...verdict(result), calls, exchanges], [502, code, undefined, 1, 0])
    clock.advance(10_000)
    assert.equal((await world.ask(path)).status, 200)
  })
}
