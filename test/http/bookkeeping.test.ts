import assert from 'node:assert/strict'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import * as fc from 'fast-check'
import { createConnections } from '../../src/http/index.ts'
import { readAnswers } from '../security/wire.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { request, startStubbed, type Stubbed, untilSo } from './stubbed.ts'

const mebibyte = 2 ** 20

/** A request that has come, to be answered when the test says so. */
interface Come {
  /** As in `/1/3`: of the connection, and of the request on it. */
  readonly name: string
  readonly response: ServerResponse
  readonly socket: Socket
  readonly leaving: (response: ServerResponse) => void
  isAnswered: boolean
  isClosed: boolean
}

interface Client {
  readonly socket: Socket
  text: string
  sent: number
  /** It has left, or one of its answers was broken off. */
  isBroken: boolean
}

interface Waited extends AsyncDisposable {
  readonly stubbed: Stubbed
  readonly come: readonly Come[]
  readonly clients: readonly Client[]
}

async function startWaiting(clients: number): Promise<Waited> {
  const come: Come[] = []
  const stubbed = await startStubbed({
    async lead({ url = '', socket }, response, { leaving }) {
      const one = { name: url, response, socket, leaving, isAnswered: false, isClosed: false }
      come.push(one)
      response.on('close', () => (one.isClosed = true))
    },
  })
  const connected = await Promise.all(
    Array.from({ length: clients }, async (): Promise<Client> => {
      const client = { socket: await stubbed.connect(), text: '', sent: 0, isBroken: false }
      client.socket.setEncoding('latin1').on('data', (chunk: string) => (client.text += chunk))
      return client
    }),
  )
  return { stubbed, come, clients: connected, [Symbol.asyncDispose]: () => stubbed[Symbol.asyncDispose]() }
}

function answer(one: Come): void {
  one.isAnswered = true
  one.leaving(one.response)
  one.response.writeHead(200, ['content-length', String(one.name.length)])
  one.response.end(one.name, 'latin1')
}

/** @param isLast the last of them says that no other will come */
function send(client: Client, which: number, count: number, isLast: boolean): void {
  let bytes = ''
  for (let n = 0; n < count; n += 1) {
    client.sent += 1
    bytes += request.replace(' / ', ` /${which}/${client.sent} `)
  }
  client.socket.write(isLast ? bytes.replace(/\r\n$/, 'Connection: close\r\n\r\n') : bytes)
}

/** At any moment: what waits is what has come and is not closed. */
function assertKept({ stubbed: { connections }, come }: Waited): void {
  const open = come.filter(({ isClosed }) => !isClosed)
  assert.equal(connections.waiting, open.length)
  for (const { socket } of come) {
    if (socket.destroyed) continue
    const isWaiting = open.some((one) => one.socket === socket)
    assert.equal(connections.isAnswering(socket), isWaiting)
  }
  assert.equal(connections.cut, 0)
}

async function turns(world: Waited, count = 8): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await turn()
    assertKept(world)
  }
}

async function eventually(world: Waited, what: string, isSo: () => boolean): Promise<void> {
  const givesUpAt = Date.now() + 5_000
  while (!isSo()) {
    assert.ok(Date.now() < givesUpAt, what)
    await turns(world, 1)
  }
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('send' as const),
      which: fc.nat(1),
      count: fc.constantFrom(1, 1, 2, 3, 5, 18),
      isLast: fc.constantFrom(false, false, false, true),
    }),
  },
  { weight: 8, arbitrary: fc.record({ what: fc.constant('answer' as const), which: fc.nat(30) }) },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant('break off' as const), which: fc.nat(30) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constantFrom('leave', 'reset'), which: fc.nat(1) }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('close', 'pass'), which: fc.constant(0) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function happen(one: Step, { stubbed, come, clients }: Waited): void {
  if (one.what === 'close') stubbed.connections.close()
  else if (one.what === 'pass') stubbed.clock.advance(60_000)
  else if (one.what === 'send' || one.what === 'leave' || one.what === 'reset') {
    const client = clients[one.which] ?? assert.fail()
    if (client.socket.destroyed) return
    if (one.what === 'send') return send(client, one.which, one.count, one.isLast)
    client.isBroken = true
    if (one.what === 'leave') client.socket.destroy()
    else client.socket.resetAndDestroy()
  } else {
    const unanswered = come.filter(({ isAnswered, isClosed }) => !isAnswered && !isClosed)
    const chosen = unanswered[one.which % Math.max(1, unanswered.length)]
    if (chosen === undefined) return
    if (one.what === 'answer') return answer(chosen)
    chosen.isAnswered = true
    const client = clients[Number(chosen.name.split('/')[1])] ?? assert.fail()
    client.isBroken = true
    // Behind another one it comes to nothing when its turn comes.
    if (chosen.response.socket !== null) chosen.response.destroy()
    else chosen.response.once('socket', (socket) => socket.destroy())
  }
}

/** Every request that was taken is answered, in order, unless its connection broke; and an answer that is the last says so. */
async function assertAnswered(world: Waited): Promise<void> {
  const { come, clients } = world
  const whole = clients.filter(({ isBroken }) => !isBroken)
  const taken = (client: Client): Come[] =>
    come.filter(({ name }) => name.startsWith(`/${clients.indexOf(client)}/`))
  await eventually(world, 'every request is answered, or its connection has ended', () => {
    for (const one of come) if (!one.isAnswered && !one.isClosed) answer(one)
    return whole.every(({ socket, sent }, at) => {
      return (
        socket.closed || taken(whole[at] ?? assert.fail()).filter(({ isClosed }) => isClosed).length === sent
      )
    })
  })
  await turns(world)
  for (const client of whole) {
    await eventually(
      world,
      'what was answered has come',
      () => bodiesOf(client).length === taken(client).length,
    )
    assert.deepEqual(
      bodiesOf(client),
      taken(client).map(({ name }) => name),
    )
    const ends = readAnswers(client.text).map(({ headers }) => headers['connection'] === 'close')
    assert.ok(!ends.slice(0, -1).includes(true))
    assert.equal(ends.at(-1) ?? false, client.socket.closed)
  }
}

function responseOn(socket: Socket): ServerResponse {
  const response = new ServerResponse(new IncomingMessage(socket))
  // As for HTTP/1.1.
  response.shouldKeepAlive = true
  return response
}

function bodiesOf({ text }: Client): string[] {
  try {
    return readAnswers(text).map(({ body }) => body)
  } catch {
    // It is still coming.
    return []
  }
}

describe('what waits on connections', () => {
  test('is what has come and is not closed, in whatever order it is answered, broken off or left', async () => {
    let outOfOrder = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) => {
        await using world = await startWaiting(2)
        const { stubbed, clients } = world
        for (const one of steps) {
          happen(one, world)
          await turns(world)
          const { come } = world
          if (come.some(({ isAnswered, isClosed }) => isAnswered && !isClosed)) outOfOrder += 1
        }
        await assertAnswered(world)
        for (const { socket } of clients) socket.destroy()
        await eventually(world, 'nothing waits', () => stubbed.connections.count === 0)
        assert.equal(stubbed.connections.waiting, 0)
        stubbed.clock.advance(5_000)
        assert.equal(stubbed.clock.pending, 0, 'nobody is looked after any more')
      }),
      { numRuns: 100 },
    )
    assert.ok(outOfOrder > 100, `only ${outOfOrder} times something was answered before its turn`)
  })

  test('is counted in whatever order it is closed, and the newest one alone ends its connection', () => {
    const nth = fc.nat(20)
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant('take' as const), nth), { maxLength: 14 }),
        nth,
        (events, which) => {
          const connections = createConnections({ most: 10, clock: createFakeClock() })
          const socket = new Socket()
          const open: ServerResponse[] = []
          let newest: ServerResponse | undefined
          for (const event of events) {
            if (event === 'take') {
              const response = responseOn(socket)
              assert.ok(connections.take(socket, response))
              open.push(response)
              newest = response
            } else open.splice(event % Math.max(1, open.length), 1)[0]?.emit('close')
            assert.equal(connections.waiting, open.length)
            assert.equal(connections.isAnswering(socket), open.length > 0)
          }
          const chosen = open[which % Math.max(1, open.length)]
          // What is closed has no answer to end with.
          if (chosen === undefined || !open.includes(newest ?? chosen)) return
          connections.close()
          connections.leaving(chosen)
          const isLast = chosen === newest
          assert.equal(chosen.shouldKeepAlive, !isLast, 'the newest one is the last')
          assert.equal(connections.isEnding(socket), isLast)
          assert.equal(connections.take(socket, responseOn(socket)), !isLast)
          assert.equal(connections.waiting, isLast ? open.length : open.length + 1)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('is cut by the time that the answer in front has, and the one behind it has its own from then on', async () => {
    const body = 16 * mebibyte
    await using stubbed = await startStubbed({ body })
    const { connections, clock } = stubbed
    const socket = await stubbed.connect()
    socket.pause().write(request.repeat(3))
    await untilSo(() => connections.waiting === 3)
    for (let n = 0; n < 50; n += 1) await turn()
    // Each may lie for half a minute, and for 262 s more, less what the kernel has taken of it.
    clock.advance(200_000)
    assert.equal(connections.cut, 0)
    let bytes = 0
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > body) socket.pause()
    })
    socket.resume()
    await untilSo(() => connections.waiting === 2)
    for (let n = 0; n < 50; n += 1) await turn()
    clock.advance(130_000)
    assert.deepEqual(
      [connections.cut, connections.waiting],
      [0, 2],
      'the time of the first is over, but it is taken',
    )
    clock.advance(200_000)
    assert.equal(connections.cut, 1)
    await untilSo(() => connections.count === 0)
    assert.equal(connections.waiting, 0)
  })
})
