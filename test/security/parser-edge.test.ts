import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { describe, test } from 'node:test'
import { createConnections, createPublicServer } from '../../src/http/index.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { answers, sendRaw } from '../world/raw.ts'
import { sessionPath, startWorld } from '../world/world.ts'
import {
  assertPlainHeaders,
  assertRefusal,
  goodHead,
  readAnswers,
  sharedWorld,
  untilClosed,
  untilQuiet,
  upstreamCalls,
  wireTo,
  withoutTls,
} from './wire.ts'

const clientHello = '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'

describe('what is not HTTP/1.1', () => {
  const world = sharedWorld(withoutTls)

  const edge: readonly (readonly [what: string, bytes: string, status: number])[] = [
    ['garbage', 'garbage\r\n\r\n', 400],
    ['bytes of every value', String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code)), 400],
    ['a TLS client on a plain port', clientHello, 400],
    ['HTTP/0.9', `GET ${sessionPath}\r\n\r\n`, 400],
    ['HTTP/0.9 with headers', `GET ${sessionPath} HTTP/0.9\r\nHost: a\r\n\r\n`, 400],
    ['HTTP/1.2', `GET ${sessionPath} HTTP/1.2\r\nHost: a\r\n\r\n`, 400],
    ['HTTP/2.0 by name', `GET ${sessionPath} HTTP/2.0\r\nHost: a\r\n\r\n`, 400],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['another protocol', 'EHLO gateway\r\n', 400],
    ['an answer', 'HTTP/1.1 200 OK\r\n\r\n', 400],
    ['a space before the method', ` GET ${sessionPath} HTTP/1.1\r\nHost: a\r\n\r\n`, 400],
    ['a header without a name', `GET ${sessionPath} HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n`, 400],
    ['a header without a colon', `GET ${sessionPath} HTTP/1.1\r\nHost: a\r\nx\r\n\r\n`, 400],
    ['CONNECT', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n', 405],
    ['CONNECT without a Host', 'CONNECT evil.example:443 HTTP/1.1\r\n\r\n', 405],
    ['CONNECT with bytes behind it', `CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n${clientHello}`, 405],
  ]
  for (const [what, bytes, status] of edge) {
    test(`${what} is ${status} in Graph’s envelope, and the connection closes`, async () => {
      const calls = await upstreamCalls(world(), async () => {
        const found = await untilClosed(world(), bytes)
        assert.equal(found.length, 1)
        assertRefusal(found[0], status)
        assert.equal(found[0]?.headers['connection'], 'close')
      })
      assert.equal(calls, 0)
    })
  }

  test('HTTP/1.0 with a Host is answered', async () => {
    const head = (await goodHead(world())).replace('HTTP/1.1', 'HTTP/1.0')
    assert.equal((await untilClosed(world(), `${head}\r\n`))[0]?.status, 200)
  })

  test('an offer to speak h2c or WebSocket is passed over, and the bytes behind it are still HTTP/1.1', async () => {
    for (const offer of [
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n',
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n',
    ]) {
      const { text } = await sendRaw(`${await goodHead(world())}${offer}\r\n`, {
        ...wireTo(world()),
        until: answers(1),
      })
      const [answer] = readAnswers(text)
      assert.equal(answer?.status, 200)
      assertPlainHeaders(answer.headers)
      assert.equal(answer.headers['upgrade'], undefined)
    }
  })

  test('what the parser refuses is counted under Node’s code for it', async () => {
    await untilClosed(world(), 'garbage\r\n\r\n')
    const { body } = await world().manage('/metrics')
    assert.match(body, /session_gateway_unparsable_requests_total\{code="HPE_INVALID_METHOD"\} [1-9]/)
    assert.match(body, /session_gateway_unparsable_requests_total\{code="CONNECT"\} [1-9]/)
  })
})

describe('in the middle of another answer', () => {
  const world = sharedWorld(withoutTls)

  for (const [what, bytes] of [
    ['garbage', 'garbage\r\n\r\n'],
    ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ] as const) {
    test(`${what} gets no answer that could be taken for the one before it`, async () => {
      const land = Promise.withResolvers<void>()
      world().emulator.reset()
      world().emulator.fail('graph', { kind: 'hold', until: land.promise })
      const head = await goodHead(
        world(),
        `${sessionPath}?$select=${what === 'CONNECT' ? 'id' : 'displayName'}`,
      )
      const { text, isClosed } = await sendRaw(`${head}\r\n${bytes}`, wireTo(world()))
      land.resolve()
      assert.deepEqual([text, isClosed], ['', true])
      await untilQuiet(world())
    })
  }
})

describe('connections that end badly', () => {
  test('a caller that resets the connection after CONNECT harms nobody', async () => {
    await using world = await startWorld(withoutTls)
    for (let turn = 0; turn < 20; turn += 1) {
      const socket = connect(world.port, '127.0.0.1')
      socket.on('error', () => {})
      await once(socket, 'connect')
      const written = Promise.withResolvers<unknown>()
      socket.write('CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', written.resolve)
      await (turn % 2 === 0 ? written.promise : once(socket, 'data'))
      socket.resetAndDestroy()
      await once(socket, 'close')
    }
    assert.equal((await world.ask()).status, 200)
  })

  for (const bytes of ['CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 'garbage\r\n\r\n']) {
    test(`a caller that keeps its half open after ${bytes.slice(0, 7)} does not keep the gateway from stopping`, async () => {
      await using world = await startWorld(withoutTls)
      const socket = connect({ port: world.port, host: '127.0.0.1', allowHalfOpen: true })
      socket.on('error', () => {}).resume()
      socket.write(bytes)
      await once(socket, 'end')
      await world.gateway.drain()
      socket.destroy()
    })
  }

  test('plain HTTP on the TLS port is cut, and the next caller is served', async () => {
    await using world = await startWorld()
    const { text, isClosed } = await sendRaw(`GET ${sessionPath} HTTP/1.1\r\nHost: a\r\n\r\n`, {
      port: world.port,
    })
    assert.ok(isClosed)
    assert.doesNotMatch(text, /HTTP/)
    assert.equal((await world.ask()).status, 200)
  })

  for (const maxVersion of ['TLSv1', 'TLSv1.1'] as const) {
    test(`${maxVersion} is not spoken`, async () => {
      await using world = await startWorld()
      const socket = connectTls({
        port: world.port,
        host: '127.0.0.1',
        ca: world.ca,
        servername: 'localhost',
        minVersion: 'TLSv1',
        maxVersion,
        ciphers: 'DEFAULT@SECLEVEL=0',
      })
      const [error] = await once(socket, 'error')
      assert.match(String(error), /protocol version|unsupported protocol/)
    })
  }
})

test('headers that do not arrive in time are 408', async () => {
  // Node decides that on a clock of its own; what it says then is said here.
  const { server } = createPublicServer({
    journey: { lead: async () => {}, leadAtOnce: () => false, settled: async () => {} },
    tls: undefined,
    connections: createConnections({ most: 10, clock: createFakeClock() }),
    shedding: { admit: (_request, _response, begin) => begin(0), refused: 0, waiting: 0, close() {} },
    onUnparsable: () => {},
    onFault: () => {},
  })
  assert.ok(server.headersTimeout > 0 && server.headersTimeout <= 30_000)
  assert.ok(server.requestTimeout > 0 && server.requestTimeout <= 60_000)
  server.on('connection', (socket) => {
    server.emit('clientError', Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { port } = server.address() as AddressInfo
  const { text, isClosed } = await sendRaw('GET / HTTP/1.1\r\n', { port })
  assert.ok(isClosed)
  assertRefusal(readAnswers(text)[0], 408)
  server.close()
})
