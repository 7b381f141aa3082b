import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, test } from 'node:test'
import type { FailureKind } from '../../src/outbound/index.ts'
import { asking, bytesServer, httpsServer, listening, ofKind, outbound } from './counterpart.ts'

after(() => outbound.close())

const wholeHead = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'

const wire: readonly (readonly [what: string, bytes: string, kind: FailureKind])[] = [
  ['bytes that are no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n\r\n', 'http_protocol_error'],
  ['a status line that is none', 'HTTP/1.1 abc OK\r\n\r\n', 'http_protocol_error'],
  [
    'two lengths that differ',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    'http_protocol_error',
  ],
  [
    'a chunk whose size is no number',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    'http_protocol_error',
  ],
  ['a body shorter than it said', `${wholeHead}half`, 'http_response_incomplete'],
  [
    'chunks that end without the last',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
    'http_response_incomplete',
  ],
  [
    'headers without end',
    `HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`,
    'http_response_header_section_size',
  ],
  ['half a head', 'HTTP/1.1 200 OK\r\nContent-', 'connection_terminated'],
  ['an interim answer alone', 'HTTP/1.1 103 Early Hints\r\n\r\n', 'connection_terminated'],
  ['nothing at all', '', 'connection_terminated'],
]

for (const [what, bytes, kind] of wire) {
  test(`a server that sends ${what} and closes is a ${kind}`, async () => {
    await using server = await bytesServer((socket) => socket.end(bytes, 'latin1'))
    await assert.rejects(outbound.send(asking(server.origin)), ofKind(kind))
    await server.gone()
  })
}

test('a reset in place of an answer is a connection_terminated', async () => {
  const server = await listening(
    createServer((socket) => {
      socket.once('data', () => socket.resetAndDestroy())
    }),
  )
  await using _ = server
  await assert.rejects(outbound.send(asking(server.origin)), ofKind('connection_terminated'))
})

test('a port where nobody listens is a connection_refused', async () => {
  const server = await httpsServer(() => undefined)
  await server[Symbol.asyncDispose]()
  await assert.rejects(outbound.send(asking(server.origin)), ofKind('connection_refused'))
})

test('a name that does not exist is a dns_error, and the message says whose name it was', async () => {
  const origin = 'https://no-such-host.invalid'
  const failure = { ...ofKind('dns_error'), message: /no-such-host\.invalid/ }
  await assert.rejects(outbound.send(asking(origin)), failure)
})

test('a server that speaks no TLS is a tls_protocol_error', async () => {
  await using server = await listening(
    createServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))),
  )
  await assert.rejects(outbound.send(asking(server.origin)), ofKind('tls_protocol_error'))
})

for (const origin of ['http://localhost:1', 'ftp://localhost', 'localhost:443', '']) {
  test(`an origin that is not https is refused before anything is sent: "${origin}"`, async () => {
    await assert.rejects(outbound.send(asking(origin)), { name: 'TypeError', message: /not an https origin/ })
  })
}

test('a failure says neither the headers nor the body of the request', async () => {
  await using server = await bytesServer((socket) => socket.end('nonsense\r\n\r\n'))
  const request = asking(server.origin, {
    method: 'POST',
    headers: { authorization: 'Bearer canary-in-a-header' },
    body: 'canary-in-a-body',
  })
  await assert.rejects(outbound.send(request), (error: Error) => {
    assert.doesNotMatch(`${error.message} ${error.stack} ${String(error.cause)}`, /canary/)
    return true
  })
})
