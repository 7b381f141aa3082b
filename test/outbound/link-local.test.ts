import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { createLinkLocal } from '../../src/outbound/index.ts'
import { type Counterpart, listening, ofKind } from './counterpart.ts'

const way = createLinkLocal(systemClock)
const asking = { target: '/', headers: {}, deadlineMs: 60_000, maxBodyBytes: 1024 }
const serving = (answer: RequestListener): Promise<Counterpart> => listening(createServer(answer))

for (const origin of [
  'https://169.254.169.254',
  'http://169.254.169.253',
  'http://169.254.169.254.example.com',
  'http://169.254.169.254@example.com',
  'http://localhost:1',
  'http://10.0.0.1',
  'http://graph.microsoft.com',
  'http://127.0.0.1:1/path',
  'http://127.0.0.1:1?',
  'http://[::ffff:10.0.0.1]',
]) {
  test(`${origin} is not on this machine, and is not asked`, async () => {
    await assert.rejects(way.get({ ...asking, origin }), TypeError)
  })
}

test('what is asked and what is answered come whole, on a connection that ends with it', async () => {
  await using server = await serving((request, response) => {
    response.writeHead(201, { 'X-Twice': ['a', 'b'], 'X-Saw': `${request.method} ${request.url}` })
    response.end(JSON.stringify([request.headers['metadata'], request.headers.authorization]))
  })
  const origin = `http://127.0.0.1:${server.port}`
  const { status, headers, body } = await way.get({
    ...asking,
    origin,
    target: '/a?b=c%20d',
    headers: { Metadata: 'true' },
  })
  assert.deepEqual([status, headers['x-saw'], String(body)], [201, 'GET /a?b=c%20d', '["true",null]'])
  await server.gone()
})

test('an answer that is longer than its bound is not read to its end', async () => {
  await using server = await serving((_request, response) => {
    response.writeHead(200)
    const more = (error?: Error | null): void => {
      if (!error) response.write('x'.repeat(2_000), more)
    }
    more()
  })
  const origin = `http://127.0.0.1:${server.port}`
  await assert.rejects(way.get({ ...asking, origin }), ofKind('http_response_body_size'))
  await server.gone()
})

test('what is no HTTP, or breaks off, is a failure with a name', async () => {
  await using silent = await serving((request) => void request.socket.destroy())
  await assert.rejects(
    way.get({ ...asking, origin: `http://127.0.0.1:${silent.port}` }),
    ofKind('connection_terminated'),
  )
  await using odd = await serving((request) => void request.socket.end('SSH-2.0-odd\r\n'))
  await assert.rejects(
    way.get({ ...asking, origin: `http://127.0.0.1:${odd.port}` }),
    ofKind('http_protocol_error'),
  )
  await using half = await serving((_request, response) => {
    response.writeHead(200, { 'Content-Length': 10 })
    response.write('half', () => void response.destroy())
  })
  await assert.rejects(
    way.get({ ...asking, origin: `http://127.0.0.1:${half.port}` }),
    ofKind('http_response_incomplete'),
  )
})
