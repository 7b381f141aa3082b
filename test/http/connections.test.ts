import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createFakeClock } from '../world/fake-clock.ts'
import { answers } from '../world/raw.ts'
import { goodHead, readAnswers } from '../security/wire.ts'
import { startWorld, type World } from '../world/world.ts'

async function metric(world: World, name: string): Promise<number> {
  const { body } = await world.manage('/metrics')
  return Number(new RegExp(`^session_gateway_${name} (\\S+)$`, 'm').exec(body)?.[1])
}

async function openTo(world: World): Promise<Socket> {
  const socket = connect(world.port, '127.0.0.1')
  socket.setEncoding('latin1').on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** Sends, and reads so many answers, or until the connection has ended. */
async function talk(socket: Socket, bytes: string, count = 1): Promise<string> {
  let text = ''
  const take = (chunk: string): void => void (text += chunk)
  socket.on('data', take)
  socket.write(bytes)
  while (!answers(count)(text) && !socket.closed) await turn()
  socket.off('data', take)
  return text
}

const plain = { tls: 'off' }

describe('connections', { concurrency: true }, () => {
  for (const tls of ['TLS', 'plain HTTP']) {
    test(`of callers are counted while they last, with ${tls}`, async () => {
      await using world = await startWorld(tls === 'TLS' ? {} : { config: { server: plain } })
      assert.equal(await metric(world, 'connections'), 0)
      await world.ask()
      const silent = await openTo(world)
      while ((await metric(world, 'connections')) !== 2);
      silent.destroy()
      while ((await metric(world, 'connections')) !== 1);
    })
  }

  test('are not idle with a request that has come while a drain was held up', async () => {
    const clock = createFakeClock()
    await using world = await startWorld({ clock, config: { server: plain } })
    const head = await goodHead(world)
    const socket = await openTo(world)
    await talk(socket, `${head}\r\n`)
    const drained = world.gateway.drain()
    const pending = clock.pending
    clock.advance(0)
    while (clock.pending < pending) await turn()
    // It is in the kernel, and nobody has looked: time goes on at once, as for a process that has no share of its CPU.
    const asked = talk(socket, `${head}\r\n`)
    clock.advance(1_000)
    assert.match(await asked, /^HTTP\/1\.1 200/)
    while (!socket.closed) await turn()
    clock.advance(1_000)
    await drained
  })

  test('beyond maxConnections are closed and counted, and one that goes makes room for one', async () => {
    await using world = await startWorld({ config: { server: { ...plain, maxConnections: 16 } } })
    const sockets = await Promise.all(Array.from({ length: 16 }, () => openTo(world)))
    const beyond = await openTo(world)
    await once(beyond, 'close')
    assert.equal(await metric(world, 'connections_refused_total'), 1)
    const head = await goodHead(world)
    assert.match(await talk(sockets[0] ?? beyond, `${head}\r\n`), /^HTTP\/1\.1 200/)
    sockets[1]?.destroy()
    while ((await metric(world, 'connections')) !== 15);
    assert.match(await talk(await openTo(world), `${head}\r\n`), /^HTTP\/1\.1 200/)
  })

  test('older than connectionMaxAge end with their next answer, and not before it', async () => {
    const clock = createFakeClock()
    await using world = await startWorld({
      clock,
      config: { server: { ...plain, connectionMaxAge: '1m' }, cache: { freshFor: '1h' } },
    })
    const head = await goodHead(world)
    const socket = await openTo(world)
    assert.doesNotMatch(await talk(socket, `${head}\r\n`), /connection: close/i)
    clock.advance(53_000)
    assert.doesNotMatch(await talk(socket, `${head}\r\n`), /connection: close/i)
    clock.advance(14_000)
    assert.equal(socket.readyState, 'open')
    assert.match(await talk(socket, `${head}\r\n`), /^HTTP\/1\.1 200 [^]*connection: close/i)
    if (!socket.closed) await once(socket, 'close')
  })

  test('that end for their age answer every request that had been pipelined', async () => {
    const clock = createFakeClock()
    const config = { server: { ...plain, connectionMaxAge: '1m' }, cache: { freshFor: '1h' } }
    await using world = await startWorld({ clock, config })
    const head = await goodHead(world)
    const socket = await openTo(world)
    await talk(socket, `${head}\r\n`)
    clock.advance(67_000)
    const found = readAnswers(await talk(socket, `${head}\r\n`.repeat(5), 5))
    assert.deepEqual(
      found.map(({ status, headers }) => [status, headers['connection']]),
      [...Array.from({ length: 4 }, () => [200, 'keep-alive']), [200, 'close']],
    )
    if (!socket.closed) await once(socket, 'close')
  })

  test('of the management port are bounded, and theirs do not count as those of callers', async () => {
    await using world = await startWorld()
    const { port } = world.gateway.managementAddress
    let closed = 0
    const sockets = Array.from({ length: 300 }, () => {
      const socket = connect(port, '127.0.0.1')
      return socket.on('error', () => undefined).on('close', () => (closed += 1))
    })
    while (closed < 300 - 256) await turn()
    assert.equal(await metric(world, 'connections'), 0)
    for (const socket of sockets) socket.destroy()
  })
})

test('a caller who resets its connection at once is on record with its address all the same', async () => {
  await using world = await startWorld({ config: { server: { tls: 'off' } } })
  const request = `${await goodHead(world)}\r\n`
  const sockets = await Promise.all(Array.from({ length: 20 }, () => openTo(world)))
  await untilSo(async () => (await metric(world, 'connections')) >= 20)
  for (const socket of sockets) {
    socket.write(request)
    setImmediate(() => socket.resetAndDestroy())
  }
  await untilSo(async () => (await metric(world, 'connections')) === 0)
  await world.ask()
  await untilSo(async () => world.records.length > 0)
  assert.deepEqual(new Set(world.records.map(({ peer }) => peer)), new Set(['127.0.0.1']))
})

async function untilSo(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await turn()
}
