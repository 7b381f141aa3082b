import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer } from 'node:net'
import { after, test } from 'node:test'
import { createOutbound } from '../../src/outbound/index.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import {
  asking,
  authority,
  bytesServer,
  type Counterpart,
  httpsServer,
  listening,
  localhost,
  ofKind,
  outbound,
} from './counterpart.ts'

after(() => outbound.close())

test('what is sent is the head and the body that were given, with host, connection and a length alone added', async () => {
  let seen = ''
  await using server = await bytesServer((socket) => {
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  })
  await using tapped = await httpsServer((request, response) => {
    seen = `${request.method} ${request.url} HTTP/${request.httpVersion} ${request.rawHeaders.join('|')} `
    request.setEncoding('utf8').on('data', (text: string) => (seen += text))
    request.on('end', () => response.end())
  })
  await outbound.send(asking(server.origin))
  await outbound.send(asking(tapped.origin, { target: '/a?b=c', headers: { accept: 'x' } }))
  const host = `localhost:${tapped.port}`
  assert.equal(seen, `GET /a?b=c HTTP/1.1 host|${host}|connection|keep-alive|accept|x `)
  await outbound.send(asking(tapped.origin, { method: 'POST', body: 'k=v' }))
  assert.equal(seen, `POST / HTTP/1.1 host|${host}|connection|keep-alive|content-length|3 k=v`)
})

test('an answer is given whole: status, headers in lower case, one that came twice as a list, the bytes', async () => {
  const bytes = Buffer.from([0, 255, 128, 13, 10])
  await using server = await httpsServer((_request, response) => {
    response.writeHead(418, ['X-One', '1', 'X-Two', 'a', 'X-Two', 'b'])
    response.write(bytes.subarray(0, 2))
    response.end(bytes.subarray(2))
  })
  const { status, headers, body } = await outbound.send(asking(server.origin))
  assert.deepEqual(
    [status, headers['x-one'], headers['x-two'], [...body]],
    [418, '1', ['a', 'b'], [...bytes]],
  )
})

test('an answer that comes in pieces, behind one that is only interim, is given whole', async () => {
  await using server = await bytesServer((socket) => {
    socket.write('HTTP/1.1 103 Early Hints\r\nX-One: interim\r\n\r\n')
    socket.end(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Two: 2\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n',
    )
  })
  const { status, headers, body } = await outbound.send(asking(server.origin))
  assert.deepEqual([status, headers['x-one'], headers['x-two'], String(body)], [200, undefined, '2', 'abcde'])
})

for (const status of [301, 302, 303, 307, 308]) {
  test(`a ${status} is an answer like any other: nobody goes where it points`, async () => {
    await using other = await httpsServer((_request, response) => void response.end())
    await using server = await httpsServer((_request, response) => {
      response.writeHead(status, { Location: `${other.origin}/` }).end()
    })
    const response = await outbound.send(asking(server.origin, { method: 'POST', body: 'secret' }))
    assert.equal(response.status, status)
    assert.equal(other.connections, 0)
  })
}

test('connections are kept and used again', async () => {
  await using server = await httpsServer((_request, response) => void response.end('ok'))
  for (let count = 0; count < 20; count += 1) {
    await outbound.send(asking(server.origin))
  }
  // A second one, when the first has not been put back yet as the next request comes.
  assert.ok(server.connections <= 2, String(server.connections))
})

test('one that wants a new connection has one, which is used by nobody else before or after', async () => {
  const seen: string[] = []
  await using server = await httpsServer((request, response) => {
    seen.push(`${request.socket.remotePort} ${request.headers.connection}`)
    response.end('ok')
  })
  await outbound.send(asking(server.origin))
  for (let times = 0; times < 3; times += 1) {
    await outbound.send(asking(server.origin, { onNewConnection: true }))
    await outbound.send(asking(server.origin))
  }
  const ports = seen.map((each) => each.split(' ')[0])
  assert.deepEqual(
    seen.filter((each) => each.endsWith(' close')).map((each) => seen.indexOf(each)),
    [1, 3, 5],
  )
  for (const at of [1, 3, 5]) assert.equal(ports.filter((port) => port === ports[at]).length, 1)
})

test('a body up to the bound is read', async () => {
  await using server = await httpsServer((_request, response) => void response.end('x'.repeat(1024)))
  assert.equal((await outbound.send(asking(server.origin))).body.length, 1024)
})

for (const [how, headers] of [
  ['that is announced', { 'Content-Length': '2000' }],
  ['in chunks', {}],
] as const) {
  test(`a body ${how} and a byte over the bound is given up, and its connection with it`, async () => {
    // Left open: only its reader can end it.
    await using server = await httpsServer((_request, response) => {
      response.writeHead(200, { ...headers, Connection: 'keep-alive' }).write('x'.repeat(1025))
    })
    await assert.rejects(outbound.send(asking(server.origin)), ofKind('http_response_body_size'))
    await server.gone()
  })
}

test('a body of nothing passes a bound of nothing', async () => {
  await using server = await httpsServer((_request, response) => void response.end())
  const { body } = await outbound.send(asking(server.origin, { maxBodyBytes: 0 }))
  assert.equal(body.length, 0)
})

/** Begins to answer, and tells when. */
async function slowServer(
  begin: (response: ServerResponse) => void,
): Promise<{ server: Counterpart; asked: Promise<void> }> {
  const asked = Promise.withResolvers<void>()
  const server = await httpsServer((_request, response) => {
    begin(response)
    asked.resolve()
  })
  return { server, asked: asked.promise }
}

for (const [when, begin] of [
  ['waiting for an answer', () => undefined],
  ['reading a body that drips', (response: ServerResponse) => void response.writeHead(200).write('{')],
] as const) {
  test(`the deadline holds while ${when}: the connection is gone`, async () => {
    const clock = createFakeClock()
    const way = createOutbound({ clock, extraCa: authority.certPem })
    const { server, asked } = await slowServer(begin)
    await using _ = server
    const sending = way.send(asking(server.origin, { deadlineMs: 5_000 }))
    await asked
    clock.advance(4_999)
    assert.equal(clock.pending, 1)
    assert.equal(server.open, 1)
    clock.advance(1)
    await assert.rejects(sending, ofKind('http_response_timeout'))
    await server.gone()
    await way.close()
  })
}

test('the deadline holds while connecting', async () => {
  const clock = createFakeClock()
  const way = createOutbound({ clock, extraCa: authority.certPem })
  // Accepts, and never shakes hands.
  const silent = createServer(() => undefined)
  await using server = await listening(silent)
  const sending = way.send(asking(server.origin, { deadlineMs: 5_000 }))
  await once(silent, 'connection')
  clock.advance(5_000)
  await assert.rejects(sending, ofKind('http_response_timeout'))
  await way.close()
})

test('what was given up while connecting is not asked once there is a connection', async () => {
  const clock = createFakeClock()
  const way = createOutbound({ clock, extraCa: authority.certPem })
  const asked: (string | undefined)[] = []
  const secure = createHttpsServer(
    { cert: localhost.certPem, key: localhost.keyPem },
    (request, response) => {
      asked.push(request.url)
      response.end()
    },
  )
  const silent = createServer(() => undefined)
  await using server = await listening(silent)
  const sending = way.send(asking(server.origin, { target: '/late', deadlineMs: 5_000 }))
  const [socket] = await once(silent, 'connection')
  clock.advance(5_000)
  await assert.rejects(sending, ofKind('http_response_timeout'))
  silent.on('connection', (next) => void secure.emit('connection', next))
  secure.emit('connection', socket)
  await way.send(asking(server.origin, { target: '/next' }))
  assert.deepEqual(asked, ['/next'])
  await way.close()
})

test('closing ends a connection that is only being made', async () => {
  const clock = createFakeClock()
  const way = createOutbound({ clock, extraCa: authority.certPem })
  const silent = createServer(() => undefined)
  await using server = await listening(silent)
  const sending = assert.rejects(way.send(asking(server.origin)), { name: 'OutboundFailure' })
  await once(silent, 'connection')
  await way.close()
  await Promise.all([sending, server.gone()])
})

test('an answer in time leaves no deadline behind, nor does a failure', async () => {
  const clock = createFakeClock()
  const way = createOutbound({ clock, extraCa: authority.certPem })
  await using server = await httpsServer((request, response) => {
    if (request.url === '/') response.end()
    else request.socket.destroy()
  })
  await way.send(asking(server.origin))
  assert.equal(clock.pending, 0)
  await assert.rejects(way.send(asking(server.origin, { target: '/gone' })))
  assert.equal(clock.pending, 0)
  await way.close()
})

test('closing ends what is under way and what idles, and nothing new is begun', async () => {
  const clock = createFakeClock()
  const way = createOutbound({ clock, extraCa: authority.certPem })
  const { server, asked } = await slowServer(() => undefined)
  await using _ = server
  await using idle = await httpsServer((_request, response) => void response.end())
  await way.send(asking(idle.origin))
  const sending = assert.rejects(way.send(asking(server.origin)), { name: 'OutboundFailure' })
  await asked
  await way.close()
  await Promise.all([sending, server.gone(), idle.gone()])
  await assert.rejects(way.send(asking(idle.origin)), { name: 'OutboundFailure' })
  assert.deepEqual([server.connections, idle.connections, clock.pending], [1, 1, 0])
})
