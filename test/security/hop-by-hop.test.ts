import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sharedCapturedWorld } from './captured-graph.ts'
import { assertInert, newPath } from './inert.ts'
import { assertRefusal, goodHead, untilClosed, withoutTls } from './wire.ts'

const everyHeader =
  'authorization, host, accept, accept-encoding, client-request-id, user-agent, content-length, transfer-encoding, if-none-match, cache-control'

describe('a header for one hop changes nothing on the next:', () => {
  const captured = sharedCapturedWorld(withoutTls)

  for (const lines of [
    'Connection: authorization',
    'Connection: close, authorization',
    'Connection: host',
    `Connection: ${everyHeader}`,
    `Connection: ${everyHeader}\r\nConnection: keep-alive`,
    'Connection: x-secret\r\nX-Secret: 1',
    'Connection: ,,,;=",\\',
    `Connection: ${'a,'.repeat(4_000)}b`,
    'Connection: TE\r\nTE: trailers',
    'TE: gzip, chunked;q=0.5',
    'TE: trailers\r\nTrailer: authorization, host, content-length',
    'Keep-Alive: timeout=0, max=1',
    'Keep-Alive: timeout=99999999999999999999',
    'Proxy-Connection: keep-alive, authorization',
    'Proxy-Authorization: Bearer x.y.z',
    'Proxy-Authorization: Basic eDp5\r\nConnection: proxy-authorization',
    'Proxy-Authenticate: Basic\r\nProxy-Authentication-Info: x',
    'Upgrade: h2c',
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    'Connection: Upgrade\r\nUpgrade: TLS/1.2, HTTP/2.0, HTTP/1.1',
    'Connection: Upgrade\r\nUpgrade: connect-udp\r\nCapsule-Protocol: ?1',
    'Max-Forwards: 0',
    'Via: 1.1 a, 1.0 b\r\nConnection: via',
    'Expect: 100-continue',
    'Alt-Used: evil.example\r\nAlt-Svc: h2=":443"',
    'Early-Data: 1',
  ]) {
    test(lines.replaceAll('\r\n', ' + ').slice(0, 100), () => assertInert(captured(), `${lines}\r\n`))
  }

  test('a header that Connection names is the caller’s all the same: its id is echoed', async () => {
    const { world } = captured()
    const head = await goodHead(world, newPath())
    const [answer] = await untilClosed(
      world,
      `${head}Connection: close, client-request-id\r\nclient-request-id: mine\r\n\r\n`,
    )
    assert.deepEqual([answer?.status, answer?.headers['client-request-id']], [200, 'mine'])
  })

  test('a length or a coding does not go away by being named', async () => {
    const { world, taken } = captured()
    await taken()
    for (const lines of [
      'Connection: close, content-length\r\nContent-Length: 5\r\n',
      'Connection: close, transfer-encoding\r\nTransfer-Encoding: chunked\r\n',
    ]) {
      const [answer] = await untilClosed(
        world,
        `${await goodHead(world, newPath())}${lines}\r\n5\r\nhello\r\n0\r\n\r\n`,
      )
      assertRefusal(answer, 400, 'invalidRequest')
    }
    assert.equal(await taken(), '')
  })
})
