/** A world whose Graph keeps every byte that it receives, and answers any session that it is asked for. */

import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { startWorld, type World } from '../world/world.ts'
import { untilQuiet } from './wire.ts'

export interface CapturedWorld {
  readonly world: World
  /** What Graph has received since it was last taken, once nothing is under way any more (latin1). */
  readonly taken: () => Promise<string>
  /** What Graph receives of a question for this target: all of it. */
  readonly question: (target: string) => string
  readonly connections: number
  /** From now on these bytes follow each of Graph's answers at once. */
  sendBehind(bytes: string): void
}

interface Options {
  /** Layered over the usual configuration. */
  readonly config?: object
}

/** One for a file's tests; give it to them as a function, for it exists only once they run. */
export function sharedCapturedWorld(options: Options = {}): () => CapturedWorld {
  let captured: (CapturedWorld & AsyncDisposable) | undefined
  before(async () => {
    captured = await startCapturedWorld(options)
  })
  after(() => captured?.[Symbol.asyncDispose]())
  return () => {
    assert.ok(captured !== undefined)
    return captured
  }
}

async function startCapturedWorld({ config }: Options): Promise<CapturedWorld & AsyncDisposable> {
  const graph = { endpoint: '' }
  let received = ''
  let connections = 0
  let behind = ''
  const server = createServer((socket) => {
    connections += 1
    let rest = ''
    socket.setEncoding('latin1').on('error', () => {})
    socket.on('data', (bytes) => {
      received += String(bytes)
      rest += String(bytes)
      for (let end = rest.indexOf('\r\n\r\n'); end !== -1; end = rest.indexOf('\r\n\r\n')) {
        socket.write(answerTo(rest.slice(0, end)) + behind)
        rest = rest.slice(end + 4)
      }
    })
  })
  await using starting = new AsyncDisposableStack()
  starting.defer(() => void server.close())
  const world = starting.use(
    await startWorld({
      config: { ...config, graph },
      async prepare(emulator) {
        const { certPem: cert, keyPem: key } = await emulator.certificateFor(['localhost'])
        server.setSecureContext({ cert, key })
        await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
        graph.endpoint = `https://localhost:${(server.address() as AddressInfo).port}`
      },
    }),
  )
  const callersToken = await world.workloadToken('triage')
  const running = starting.move()
  return {
    world,
    async taken() {
      await untilQuiet(world)
      const bytes = received
      received = ''
      return inPlain(bytes, callersToken)
    },
    question: (target) =>
      [
        `GET ${target} HTTP/1.1`,
        `host: ${new URL(graph.endpoint).host}`,
        'connection: keep-alive',
        'authorization: Bearer <ours>',
        'accept: application/json',
        'accept-encoding: identity',
        'client-request-id: <fresh>',
        'user-agent: session-gateway',
        '',
        '',
      ].join('\r\n'),
    get connections() {
      return connections
    },
    sendBehind(bytes) {
      behind = bytes
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** With what differs from question to question, and must, put aside. */
function inPlain(bytes: string, callersToken: string): string {
  assert.ok(
    !bytes.includes(callersToken.slice(callersToken.lastIndexOf('.'))),
    'Graph has the caller’s token',
  )
  const ids = [...bytes.matchAll(/^client-request-id: ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\r$/gm)]
  assert.equal(new Set(ids.map(([, id]) => id)).size, ids.length, 'a client-request-id was used again')
  return bytes
    .replace(/^(authorization: Bearer )eyJ[\w-]+\.[\w-]+\.[\w-]+\r$/gm, '$1<ours>\r')
    .replace(/^(client-request-id: )[0-9a-f-]{36}\r$/gm, '$1<fresh>\r')
}

function answerTo(head: string): string {
  const [, id = ''] = /\/sessions\/([0-9a-f-]{36})/.exec(head) ?? []
  const body = JSON.stringify({ id })
  return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}
