import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { workspacePath } from '../world/world.ts'
import { sharedCapturedWorld } from './captured-graph.ts'
import { disguises } from './disguises.ts'
import { hostile } from './hostile-headers.ts'
import { assertRefusal, goodHead, untilClosed, withoutTls } from './wire.ts'

const list = `${workspacePath}/sessions`
const reads = { access: { triage: { reads: ['session', 'sessions'] } } }

describe('what is passed on reaches Graph as our own request and no other:', () => {
  const captured = sharedCapturedWorld({ config: { ...withoutTls.config, ...reads } })

  /** Byte for byte: Node's own header is the last one. */
  const question = (target: string): string => {
    const [, host = ''] = /^host: (.*)\r$/m.exec(captured().question('/')) ?? []
    return [
      `GET ${target} HTTP/1.1`,
      'authorization: Bearer <ours>',
      'accept: application/json',
      'accept-encoding: identity',
      'client-request-id: <fresh>',
      'user-agent: session-gateway',
      `host: ${host}`,
      'Connection: keep-alive',
      '',
      '',
    ].join('\r\n')
  }

  for (const [what, lines] of [
    ['nothing besides', ''],
    ['cookies and credentials', 'Cookie: a=b\r\nProxy-Authorization: Basic eDp5\r\nX-Api-Key: k\r\n'],
    ['Expect: 100-continue', 'Expect: 100-continue\r\n'],
    ['Connection, naming our own headers', 'Connection: authorization, client-request-id, host, close\r\n'],
    ['hop-by-hop headers', 'Keep-Alive: 5\r\nTE: trailers\r\nTrailer: x\r\nProxy-Connection: close\r\n'],
    [
      'an upgrade',
      'Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    ],
    [
      'preferences',
      'Prefer: ms-graph-dev-mode\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\nRange: bytes=0-1\r\n',
    ],
    [
      'conditions',
      'If-None-Match: "x"\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\nIf-Match: *\r\n',
    ],
    [
      'forwarded headers',
      'X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nVia: 1.1 x\r\nX-Forwarded-Host: e\r\n',
    ],
    ['other methods', 'X-HTTP-Method-Override: PATCH\r\nX-Method-Override: DELETE\r\n'],
    ['a Content-Length of 0', 'Content-Length: 0\r\n'],
  ] as const) {
    test(`with ${what}`, async () => {
      const { world, taken } = captured()
      for (const method of ['GET', 'HEAD']) {
        const head = await goodHead(world, list, method)
        await untilClosed(
          world,
          `${head}${lines}${/^Connection/m.test(lines) ? '' : 'Connection: close\r\n'}\r\n`,
        )
        const reply = await world.ask(list)
        assert.equal(reply.status, 200)
        assert.equal(await taken(), question(list).repeat(2))
      }
    })
  }

  test('with all that a caller may say', async () => {
    const { world, taken } = captured()
    await world.ask(list, { headers: hostile })
    for (const [name, value] of Object.entries(hostile)) await world.ask(list, { headers: { [name]: value } })
    assert.equal(await taken(), question(list).repeat(1 + Object.keys(hostile).length))
  })

  test('with options as we write them, however they came', async () => {
    const { world, taken } = captured()
    const spelt = `${workspacePath.replace('/workspaces/default', "/WorkSpaces('default')")}/SESSIONS`
    await world.ask(
      `${spelt}?top=5&%24Filter=displayName+eq+'%C3%A9%26%23'&COUNT=true&select=displayName,id,id`,
    )
    const query = "$select=displayName,id&$filter=displayName%20eq%20'%C3%A9%26%23'&$count=true&$top=5"
    assert.equal(await taken(), question(`${list}?${query}`))
  })

  for (const [name, lines, body, method = 'GET'] of disguises) {
    test(`and none with ${name}`, async () => {
      const { world, taken } = captured()
      const hidden = `${await goodHead(world, list)}\r\n`
      const found = await untilClosed(
        world,
        `${await goodHead(world, list, method)}${lines}\r\n${body(hidden)}`,
      )
      assert.equal(found.length, 1)
      assertRefusal(found[0], 400, 'invalidRequest')
      assert.equal(await taken(), '')
      assert.equal((await world.ask(list)).status, 200)
      assert.equal(await taken(), question(list))
    })
  }

  test('and all of it over few connections', () => {
    assert.ok(captured().connections <= 4, String(captured().connections))
  })
})
