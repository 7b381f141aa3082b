import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { request, startStubbed, untilSo } from './stubbed.ts'

const mebibyte = 2 ** 20

async function read(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  await once(socket, 'close')
  return text
}

describe('a caller who', { concurrency: true }, () => {
  test('sends its header slowly gets 408, and the connection ends', async () => {
    await using slow = await startStubbed({ limits: { headersTimeout: 50, connectionsCheckingInterval: 10 } })
    const socket = await slow.connect()
    socket.write('GET / HTTP/1.1\r\nHost: ')
    assert.match(await read(socket), /^HTTP\/1\.1 408 [^]*connection: close/)
    assert.deepEqual(slow.unparsable, ['ERR_HTTP_REQUEST_TIMEOUT'])
  })

  test('says nothing is not waited for', async () => {
    await using slow = await startStubbed({ limits: { headersTimeout: 50, connectionsCheckingInterval: 10 } })
    await read(await slow.connect())
    assert.equal(slow.connections.count, 0)
  })

  test('is idle after its answer is let go', async () => {
    await using slow = await startStubbed({ limits: { keepAliveTimeout: 20, keepAliveTimeoutBuffer: 0 } })
    const socket = await slow.connect()
    socket.write(request)
    assert.match(await read(socket), /^HTTP\/1\.1 200 [^]*\r\n\r\nxxx$/)
  })

  test('does not finish its TLS handshake is let go', async () => {
    await using slow = await startStubbed({ tls: true, limits: { handshakeTimeout: 30 } })
    const socket = connect(slow.port, '127.0.0.1')
    socket.on('error', () => undefined)
    await once(socket, 'close')
    assert.deepEqual(slow.unparsable, ['ERR_TLS_HANDSHAKE_TIMEOUT'])
    await untilSo(() => slow.connections.count === 0)
  })

  for (const tls of [false, true]) {
    const how = tls ? 'over TLS' : 'without TLS'

    test(`does not take its answer is cut after 30 s and 16 ms a KiB, ${how}`, async () => {
      await using slow = await startStubbed({ tls, body: 16 * mebibyte })
      const socket = await slow.connect()
      const closed = once(socket, 'close')
      socket.pause().write(request)
      await untilSo(() => slow.connections.waiting === 1)
      // Until the kernel takes no more.
      for (let n = 0; n < 50; n += 1) await turn()
      slow.clock.advance(30_000)
      assert.equal(slow.connections.cut, 0)
      slow.clock.advance(300_000)
      assert.equal(slow.connections.cut, 1)
      await untilSo(() => slow.connections.count === 0 && slow.connections.waiting === 0)
      socket.resume()
      await closed
    })

    test(`takes its answer in time gets it whole, ${how}`, async () => {
      await using slow = await startStubbed({ tls, body: 16 * mebibyte })
      const socket = await slow.connect()
      socket.pause().write(request)
      await untilSo(() => slow.connections.waiting === 1)
      for (let n = 0; n < 50; n += 1) await turn()
      slow.clock.advance(30_000)
      let bytes = 0
      socket.on('data', (chunk: Buffer) => (bytes += chunk.length)).resume()
      await untilSo(() => bytes > 16 * mebibyte)
      await untilSo(() => slow.connections.waiting === 0)
      slow.clock.advance(600_000)
      assert.equal(slow.connections.cut, 0)
    })
  }

  test('asks several times over and reads nothing is cut as well, and nothing of it stays', async () => {
    await using slow = await startStubbed({ body: 4 * mebibyte })
    const socket = await slow.connect()
    socket.pause().write(request.repeat(8))
    await untilSo(() => slow.connections.waiting === 8)
    for (let n = 0; n < 50; n += 1) await turn()
    slow.clock.advance(300_000)
    assert.equal(slow.connections.cut, 1)
    await untilSo(() => slow.connections.count === 0 && slow.connections.waiting === 0)
  })

  test('closes its half right behind its request is not waited for', async () => {
    await using slow = await startStubbed({})
    const socket = await slow.connect()
    socket.end(request)
    await read(socket)
    await untilSo(() => slow.connections.count === 0 && slow.connections.waiting === 0)
  })

  test('leaves before any of several answers is not waited for', async () => {
    await using slow = await startStubbed({ isSilent: true })
    const socket = await slow.connect()
    socket.write(request.repeat(8))
    await untilSo(() => slow.connections.waiting === 8)
    socket.destroy()
    await untilSo(() => slow.connections.count === 0 && slow.connections.waiting === 0)
  })
})
