import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { sendRaw } from '../world/raw.ts'
import { sessionId, sessionPath, type World, workspacePath } from '../world/world.ts'
import { goodHead, readAnswers, sharedWorld, untilClosed, type WireAnswer, wireTo } from '../security/wire.ts'

const last = 'Connection: close\r\n\r\n'

async function get(world: World, path: string): Promise<WireAnswer> {
  const [answer] = await untilClosed(world, (await goodHead(world, path)) + last)
  assert.ok(answer !== undefined)
  return answer
}

async function head(world: World, path: string): Promise<{ answer: WireAnswer; behindHead: string }> {
  const { text } = await sendRaw((await goodHead(world, path, 'HEAD')) + last, wireTo(world))
  const [answer] = readAnswers(text, true)
  assert.ok(answer !== undefined)
  return { answer, behindHead: text.slice(text.indexOf('\r\n\r\n') + 4) }
}

describe('the body of a 200 is Graph’s, byte for byte', () => {
  const world = sharedWorld()

  /** JSON that any parser would write down differently. */
  const bodies: readonly (readonly [what: string, text: string | Buffer])[] = [
    ['names in several scripts', `{"id":"${sessionId}","displayName":"Résumé — 調査 🛡️ \u2028 \u00a0"}`],
    ['escapes', `{"id":"${sessionId}","displayName":"\\u00e9\\/\\ud83d\\udee1 \\u0000"}`],
    ['whitespace and order', `\r\n{ "displayName" :\tnull ,\r\n "id": "${sessionId}" }\n\n`],
    ['numbers', `{"id":"${sessionId}","a":1.0,"b":1e2,"c":12345678901234567890,"d":-0}`],
    ['an id in upper case', `{"id":"${sessionId.toUpperCase()}"}`],
    ['a name that comes twice', `{"id":"${sessionId}","displayName":"x","displayName":"y"}`],
  ]
  for (const [what, text] of bodies) {
    test(`${what}: on the miss and on the hit`, async () => {
      const sent = Buffer.from(text)
      const workspace = randomUUID()
      const type = 'application/json;odata.metadata=minimal;charset=utf-8'
      const headers = { 'Content-Type': type, 'OData-Version': '4.0', 'X-Secret': 'x', 'Set-Cookie': 'a=b' }
      world().emulator.fail('graph', { kind: 'body', status: 200, headers, body: sent })
      const path = sessionPath.replace('default', workspace)
      for (const how of [/fwd=uri-miss/, /; hit;/]) {
        const answer = await get(world(), path)
        assert.equal(answer.status, 200)
        assert.match(String(answer.headers['cache-status']), how)
        assert.deepEqual(Buffer.from(answer.body, 'latin1'), sent)
        assert.equal(answer.headers['content-length'], String(sent.length))
        assert.equal(answer.headers['content-type'], type)
        assert.equal(answer.headers['odata-version'], '4.0')
        for (const name of ['x-secret', 'set-cookie', 'content-encoding', 'vary'])
          assert.equal(answer.headers[name], undefined, name)
      }
    })
  }

  test('a session whose name is not ASCII', async () => {
    const session = {
      id: randomUUID(),
      createdDateTime: '',
      lastModifiedDateTime: '',
      displayName: 'Übung: 調査 🛡️',
    }
    world().emulator.graph.put('default', session)
    const answer = await get(world(), `${workspacePath}/sessions/${session.id}`)
    const { '@odata.context': context, ...shown } = JSON.parse(
      Buffer.from(answer.body, 'latin1').toString('utf8'),
    )
    assert.deepEqual(shown, session)
    assert.match(context, /^https:\/\/graph\.microsoft\.com\/beta\/\$metadata#/)
  })
})

describe('HEAD', () => {
  const world = sharedWorld()

  test('on a miss is one GET to Graph, and the GET behind it is a hit', async () => {
    const { emulator } = world()
    const first = await head(world(), sessionPath)
    assert.equal(first.answer.status, 200)
    assert.equal(first.behindHead, '')
    assert.match(String(first.answer.headers['cache-status']), /fwd=uri-miss; fwd-status=200; stored/)
    assert.deepEqual(
      emulator.graph.requests.map(({ method }) => method),
      ['GET'],
    )
    const second = await get(world(), sessionPath)
    assert.match(String(second.headers['cache-status']), /; hit;/)
    for (const name of ['content-length', 'content-type', 'etag', 'odata-version', 'cache-control']) {
      assert.equal(first.answer.headers[name], second.headers[name], name)
    }
    assert.equal(first.answer.headers['content-length'], String(second.body.length))
    assert.equal(emulator.graph.calls, 1)
  })

  test('of what is not there, or not allowed, has the length of a body and none', async () => {
    for (const [path, status] of [
      [`${workspacePath}/sessions/${randomUUID()}`, 404],
      [`${sessionPath}/`, 404],
      [`${sessionPath}?$select=x`, 400],
    ] as const) {
      const { answer, behindHead } = await head(world(), path)
      assert.equal(answer.status, status)
      assert.equal(behindHead, '')
      assert.equal(answer.headers['content-length'], String((await get(world(), path)).body.length))
    }
  })

  test('is answered 304, too', async () => {
    const etag = String((await get(world(), sessionPath)).headers['etag'])
    const reply = await world().ask(sessionPath, { method: 'HEAD', headers: { 'if-none-match': etag } })
    assert.equal(reply.status, 304)
  })
})
