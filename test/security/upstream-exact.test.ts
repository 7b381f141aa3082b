import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createServer } from 'node:tls'
import { sessionId, sessionPath, startWorld } from '../world/world.ts'
import { hostile } from './hostile-headers.ts'

test('these are the bytes that Graph receives, all of them', async () => {
  const received: string[] = []
  const graph = { endpoint: '' }
  const body = `{"id":"${sessionId}"}`
  const server = createServer((socket) => {
    socket.setEncoding('latin1')
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer | string) => {
      received.push(bytes.toString())
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      )
    })
  })
  await using closing = new AsyncDisposableStack()
  closing.defer(() => void server.close())
  await using world = await startWorld({
    config: { graph },
    async prepare(emulator) {
      const { certPem: cert, keyPem: key } = await emulator.certificateFor(['localhost'])
      server.setSecureContext({ cert, key })
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
      const address = server.address()
      assert.ok(address !== null && typeof address === 'object')
      graph.endpoint = `https://localhost:${address.port}`
    },
  })
  const reply = await world.ask(`${sessionPath}?select=ID`, { method: 'HEAD', headers: hostile })
  assert.equal(reply.status, 200)
  assert.equal(world.emulator.graph.calls, 0)
  const [, token = ''] = /^authorization: Bearer (\S+)\r$/m.exec(received.join('')) ?? []
  const [, clientRequestId = ''] = /^client-request-id: ([0-9a-f-]{36})\r$/m.exec(received.join('')) ?? []
  assert.match(token, /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/)
  assert.notEqual(token, await world.workloadToken('triage'))
  assert.equal(
    received.join(''),
    [
      `GET ${sessionPath}?$select=id HTTP/1.1`,
      `host: ${new URL(graph.endpoint).host}`,
      'connection: keep-alive',
      `authorization: Bearer ${token}`,
      'accept: application/json',
      'accept-encoding: identity',
      `client-request-id: ${clientRequestId}`,
      'user-agent: session-gateway',
      '',
      '',
    ].join('\r\n'),
  )
})
