import assert from 'node:assert/strict'
import { once } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { connect, Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { goodHead, readAnswers } from '../security/wire.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { answers, sendRaw } from '../world/raw.ts'
import { startWorld } from '../world/world.ts'
import { request, startStubbed } from './stubbed.ts'

/** Sends it, and reads until the other side closes. */
async function untilClosed(socket: Socket, bytes: string): Promise<[status: number, connection?: string][]> {
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  socket.write(bytes)
  while (!socket.closed) await turn()
  return readAnswers(text).map(({ status, headers }) => [status, headers['connection'] ?? ''])
}

const each = (status: number, count: number): [number, string][] =>
  Array.from({ length: count }, (_, n) => [status, n === count - 1 ? 'close' : 'keep-alive'])

/** Whoever is answered in the middle of what has been read leaves those behind it without an answer. */
describe('the last answer of a connection has none behind it that was read with it', () => {
  test('where hits do not wait for their records', async () => {
    const clock = createFakeClock()
    await using world = await startWorld({
      clock,
      config: {
        server: { tls: 'off', connectionMaxAge: '1m' },
        cache: { freshFor: '1h' },
        audit: { delivery: 'best-effort' },
      },
    })
    const head = `${await goodHead(world)}\r\n`
    const socket = connect(world.port, '127.0.0.1')
    const asked = once(socket, 'data')
    socket.write(head)
    await asked
    clock.advance(67_000)
    // On another connection: its token is believed again.
    await sendRaw(head, { port: world.port, until: answers(1) })
    assert.deepEqual(await untilClosed(socket, head.repeat(5)), each(200, 5))
  })

  test('where requests are refused since there are too many', async () => {
    await using stubbed = await startStubbed({})
    const socket = await stubbed.connect()
    const nobody = new IncomingMessage(new Socket())
    for (let n = 0; n < 30_000; n += 1) stubbed.shedding.admit(nobody, new ServerResponse(nobody), () => {})
    stubbed.clock.advance(251)
    stubbed.connections.close()
    assert.deepEqual(await untilClosed(socket, request.repeat(4)), each(503, 4))
    assert.equal(stubbed.shedding.refused, 4)
  })
})
