import assert from 'node:assert/strict'
import { once } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { assertRefusal, readAnswers, type WireAnswer } from '../security/wire.ts'
import { answers } from '../world/raw.ts'
import { request, startStubbed, type Stubbed, untilSo } from './stubbed.ts'

const nobody = new IncomingMessage(new Socket())
const enter = ({ shedding }: Stubbed, begin: () => void): void =>
  shedding.admit(nobody, new ServerResponse(nobody), begin)

/** So many that the line lasts for hundreds of turns; the first of them has waited for too long. */
function jam(stubbed: Stubbed): void {
  for (let n = 0; n < 30_000; n += 1) enter(stubbed, () => {})
  stubbed.clock.advance(251)
}

/** Sends, and reads so many answers. */
async function talk(socket: Socket, bytes: string, count = 1): Promise<WireAnswer[]> {
  let text = ''
  const take = (chunk: string): void => void (text += chunk)
  socket.setEncoding('latin1').on('data', take)
  socket.write(bytes)
  while (!answers(count)(text)) await turn()
  socket.off('data', take)
  return readAnswers(text)
}

describe('requests that come faster than they are answered', { concurrency: true }, () => {
  test('are begun in the order in which they came, at most 64 in a turn', async () => {
    await using stubbed = await startStubbed({})
    const begun: number[] = []
    for (let n = 0; n < 200; n += 1) enter(stubbed, () => void begun.push(n))
    assert.equal(begun.length, 64)
    await turn()
    assert.ok(begun.length <= 128, `${begun.length} in two turns`)
    await untilSo(() => begun.length === 200)
    assert.deepEqual(
      begun,
      Array.from({ length: 200 }, (_, n) => n),
    )
    assert.equal(stubbed.shedding.waiting, 0)
  })

  test('wait in line as long as it moves, and are refused when its first has waited for 250 ms', async () => {
    await using stubbed = await startStubbed({})
    const socket = await stubbed.connect()
    jam(stubbed)
    const [answer] = await talk(socket, request)
    assertRefusal(answer, 503, 'overloaded')
    assert.equal(answer?.headers['retry-after'], '5')
    assert.equal(answer.headers['proxy-status'], 'session-gateway; error=proxy_internal_response')
    assert.equal(answer.headers['connection'], 'keep-alive')
    assert.deepEqual(
      stubbed.records.map(({ status, refusal, caller, requestId }) => [
        status,
        refusal?.code,
        caller,
        requestId,
      ]),
      [[503, 'overloaded', undefined, answer.headers['request-id']]],
    )
    await untilSo(() => stubbed.shedding.waiting === 0)
    assert.equal((await talk(socket, request))[0]?.status, 200)
  })

  for (const tls of [false, true]) {
    test(`are not read where one was refused, until the line is empty, ${tls ? 'over TLS' : 'without TLS'}`, async () => {
      await using stubbed = await startStubbed({ tls })
      const socket = await stubbed.connect()
      jam(stubbed)
      assert.equal((await talk(socket, request))[0]?.status, 503)
      let hasAnswer = false
      const second = talk(socket, request).finally(() => {
        hasAnswer = true
      })
      for (let n = 0; n < 100; n += 1) await turn()
      assert.ok(stubbed.shedding.waiting > 0)
      assert.deepEqual([stubbed.connections.waiting, stubbed.shedding.refused, hasAnswer], [0, 1, false])
      await untilSo(() => stubbed.shedding.waiting === 0)
      assert.equal((await second)[0]?.status, 200)
    })
  }

  test('are read again after 5 s, though the line is not empty', async () => {
    await using stubbed = await startStubbed({})
    const socket = await stubbed.connect()
    jam(stubbed)
    await talk(socket, request)
    await untilSo(() => stubbed.connections.waiting === 0)
    await turn()
    stubbed.clock.advance(5_000)
    assert.equal((await talk(socket, request))[0]?.status, 503)
    assert.equal(stubbed.shedding.refused, 2)
  })

  test('are not read for 5 s each time they are refused: the end of one time is not that of the next', async () => {
    await using stubbed = await startStubbed({})
    const { clock, shedding, connections } = stubbed
    const socket = await stubbed.connect()
    jam(stubbed)
    await talk(socket, request)
    await untilSo(() => shedding.waiting === 0)
    assert.equal((await talk(socket, request))[0]?.status, 200)
    jam(stubbed)
    assert.equal((await talk(socket, request))[0]?.status, 503)
    await untilSo(() => connections.waiting === 0)
    await turn()
    clock.advance(4_800)
    let hasAnswer = false
    const third = talk(socket, request).finally(() => {
      hasAnswer = true
    })
    for (let n = 0; n < 50; n += 1) await turn()
    assert.ok(shedding.waiting > 0)
    assert.equal(hasAnswer, false)
    clock.advance(200)
    await third
  })

  test('are read again where the line was empty before the refusal had left', async () => {
    const hold = Promise.withResolvers<void>()
    await using stubbed = await startStubbed({ holds: hold.promise })
    const socket = await stubbed.connect()
    socket.write(request)
    await untilSo(() => stubbed.connections.waiting === 1)
    jam(stubbed)
    const both = talk(socket, request, 2)
    await untilSo(() => stubbed.shedding.refused === 1 && stubbed.shedding.waiting === 0)
    hold.resolve()
    assert.deepEqual(
      (await both).map(({ status }) => status),
      [200, 503],
    )
    assert.equal((await talk(socket, request))[0]?.status, 200)
  })

  test('are read at once when the gateway drains, and that answer ends the connection', async () => {
    await using stubbed = await startStubbed({})
    const socket = await stubbed.connect()
    jam(stubbed)
    await talk(socket, request)
    const closed = once(socket, 'close')
    stubbed.connections.close()
    stubbed.shedding.close()
    const [answer] = await talk(socket, request)
    assert.ok(stubbed.shedding.waiting > 0, 'it was read when the line was empty only')
    assert.equal(answer?.headers['connection'], 'close')
    await closed
    await untilSo(() => stubbed.connections.count === 0)
  })

  test('are read at once where the gateway began to drain before a refusal had left', async () => {
    const hold = Promise.withResolvers<void>()
    await using stubbed = await startStubbed({ holds: hold.promise })
    const socket = await stubbed.connect()
    socket.write(request)
    await untilSo(() => stubbed.connections.waiting === 1)
    jam(stubbed)
    const both = talk(socket, request, 2)
    await untilSo(() => stubbed.shedding.refused === 1)
    stubbed.shedding.close()
    hold.resolve()
    await both
    assert.equal((await talk(socket, request))[0]?.status, 503)
    assert.ok(stubbed.shedding.waiting > 0, 'it was read when the line was empty only')
  })

  test('are all answered, in order, where they were pipelined', async () => {
    await using stubbed = await startStubbed({})
    const socket = await stubbed.connect()
    jam(stubbed)
    const found = await talk(socket, request.repeat(5), 5)
    assert.deepEqual(
      found.map(({ status }) => status),
      [503, 503, 503, 503, 503],
    )
    await untilSo(() => stubbed.shedding.waiting === 0)
    assert.equal((await talk(socket, request))[0]?.status, 200)
  })

  test('with a body end their connection, refused or not', async () => {
    await using stubbed = await startStubbed({})
    const socket = await stubbed.connect()
    jam(stubbed)
    const closed = once(socket, 'close')
    const body = 'GET /hidden HTTP/1.1\r\nHost: gateway.example\r\n\r\n'
    const [answer, ...more] = await talk(
      socket,
      `GET / HTTP/1.1\r\nHost: gateway.example\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    assert.deepEqual([answer?.status, answer?.headers['connection'], more.length], [503, 'close', 0])
    await closed
  })
})
