import assert from 'node:assert/strict'
import { connect, type TLSSocket } from 'node:tls'
import { describe, test } from 'node:test'
import { type Serving, startServing, until } from '../commands/serving.ts'
import { sessionPath } from '../world/world.ts'

/** A caller with a connection that it keeps. */
interface Caller {
  send(path?: string): void
  readonly text: string
  readonly closed: Promise<unknown>
  /** Resolves with the heads of so many answers. */
  heads(count: number): Promise<string[]>
}

async function connectTo({ port, emulator, token }: Serving): Promise<Caller> {
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: emulator.caPem })
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  const closed = new Promise((resolve) => void socket.once('close', resolve))
  socket.on('error', () => undefined)
  await new Promise((resolve) => void socket.once('secureConnect', resolve))
  const headsNow = (): string[] => text.match(/HTTP\/1\.1 \d{3}[^]*?\r\n\r\n/g) ?? []
  return {
    send: (path = sessionPath) =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`),
    get text() {
      return text
    },
    closed,
    async heads(count) {
      await until(() => headsNow().length >= count)
      return headsNow()
    },
  }
}

const other = sessionPath.replace('ecdfb9b3', 'ecdfb9b4')

function drainConfig(delay: string, timeout: string): Record<string, object> {
  return { server: { drain: { delay, timeout } } }
}

async function isUnready(serving: Serving): Promise<boolean> {
  return (await serving.manage('/readyz')).status === 503
}

describe('SIGTERM', { concurrency: true }, () => {
  test('under load loses nothing: what was asked is answered, recorded, and the exit code is 0', async () => {
    await using serving = await startServing({ config: drainConfig('1s', '30s') })
    const { emulator, program } = serving
    const landing = Promise.withResolvers<void>()
    emulator.fail('graph', { kind: 'hold', until: landing.promise }, Infinity)
    const asked = Array.from({ length: 20 }, (_, index) => serving.ask(index % 2 === 0 ? sessionPath : other))
    await emulator.reached('graph', 2)
    const idle = await connectTo(serving)
    idle.send('/nothing')
    await idle.heads(1)

    program.child.kill('SIGTERM')
    await until(() => isUnready(serving))
    assert.deepEqual((await serving.manage('/readyz')).json.degraded, ['draining'])
    assert.equal((await serving.manage('/livez')).status, 200)
    // Load balancers have not noticed yet: old connections and new ones are served.
    idle.send('/nothing')
    assert.doesNotMatch((await idle.heads(2))[1] ?? '', /connection: close/i)
    const late = await connectTo(serving)
    late.send('/nothing')
    assert.match((await late.heads(1))[0] ?? '', /^HTTP\/1\.1 404/)
    late.send()

    // The delay is over when connections that wait for nothing have been closed.
    await idle.closed
    landing.resolve()
    const replies = await Promise.all(asked)
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200, 404]))
    const { code, signal } = await program.ended
    assert.deepEqual([code, signal], [0, null])
    const [, answer] = await late.heads(2)
    assert.match(answer ?? '', /^HTTP\/1\.1 200/)
    const recorded = new Set(serving.records.map(({ requestId }) => String(requestId)))
    // Three of them from nobody in particular, for the same thing.
    const counted = serving.records.map(({ count = 1 }): number => count)
    assert.equal(
      counted.reduce((sum, count) => sum + count, 0),
      20 + 4,
    )
    for (const { headers } of replies) assert.ok(recorded.has(String(headers['request-id'])))
    assert.equal(serving.logs.at(-1)?.['msg'], 'drained', 'the last line is not lost')
  })

  test('ends each connection with its next answer once the delay is over', async () => {
    await using serving = await startServing({ config: drainConfig('0s', '30s') })
    const { emulator, program } = serving
    const landing = Promise.withResolvers<void>()
    emulator.fail('graph', { kind: 'hold', until: landing.promise })
    const idle = await connectTo(serving)
    idle.send('/nothing')
    await idle.heads(1)
    const asking = await connectTo(serving)
    asking.send()
    await emulator.reached('graph', 1)
    program.child.kill('SIGTERM')
    await idle.closed
    landing.resolve()
    await asking.closed
    const [head] = await asking.heads(1)
    assert.match(head ?? '', /^HTTP\/1\.1 200[^]*connection: close/i)
    assert.equal((await program.ended).code, 0)
  })

  test('is over after drain.timeout, whoever still waits for Graph', async () => {
    await using serving = await startServing({ config: drainConfig('0s', '1s') })
    const { emulator, program } = serving
    emulator.fail('graph', { kind: 'hang' }, Infinity)
    const asked = Promise.allSettled([serving.ask()])
    await emulator.reached('graph', 1)
    program.child.kill('SIGTERM')
    const { code } = await program.ended
    assert.equal(code, 0)
    assert.equal((await asked)[0]?.status, 'rejected', 'its connection was cut')
    assert.deepEqual(
      serving.records.map(({ status }) => status),
      [499],
      'that it was cut is on record',
    )
    assert.ok(serving.logs.some(({ level, cut }) => level === 'warn' && cut === 1))
  })

  test('is SIGINT’s twin', async () => {
    await using serving = await startServing()
    serving.program.child.kill('SIGINT')
    assert.equal((await serving.program.ended).code, 0)
    assert.equal(serving.logs.find(({ msg }) => msg === 'draining')?.['signal'], 'SIGINT')
  })

  test('twice ends the process at once, and not as a success', async () => {
    await using serving = await startServing({ config: drainConfig('5m', '1h') })
    const { program } = serving
    program.child.kill('SIGTERM')
    await program.prints('stderr', /"msg":"draining"/)
    program.child.kill('SIGTERM')
    const { code, signal } = await program.ended
    assert.deepEqual([code, signal], [1, null])
  })
})
