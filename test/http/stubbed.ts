/** A public server on real sockets, with answers of nothing but bytes, and a clock that stands still. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { setImmediate as turn } from 'node:timers/promises'
import type { AuditRecord, Trail } from '../../src/audit/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import type { Journey } from '../../src/http/conduct.ts'
import {
  type Connections,
  createConnections,
  createPeerOf,
  createPublicServer,
  createShedding,
  type Shedding,
} from '../../src/http/index.ts'
import { createFlood, createLog } from '../../src/telemetry/index.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'

export interface Stubbed extends AsyncDisposable {
  readonly port: number
  readonly connections: Connections
  readonly shedding: Shedding
  readonly clock: FakeClock
  readonly records: readonly AuditRecord[]
  /** Codes that the parser, or TLS, has refused with. */
  readonly unparsable: readonly string[]
  connect(): Promise<Socket>
}

export const request = 'GET / HTTP/1.1\r\nHost: gateway.example\r\n\r\n'

/** A public server whose answers are a number of bytes, with limits that Node reaches at once. */
export async function startStubbed(options: {
  body?: number
  isSilent?: boolean
  tls?: boolean
  limits?: object
  /** Each answer waits for it. */
  holds?: Promise<void>
  /** Instead of answering with bytes. */
  lead?: Journey['lead']
}): Promise<Stubbed> {
  const { body = 3, isSilent = false, tls = false, limits = {}, holds } = options
  await using building = new AsyncDisposableStack()
  const clock = createFakeClock()
  const unparsable: string[] = []
  const connections = createConnections({ most: 1000, clock })
  const records: AuditRecord[] = []
  const log = createLog('silent', { write() {} })
  const shedding = createShedding({
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it records, and no more is asked of it
    trail: { record: async (record: AuditRecord) => void records.push(record) } as unknown as Trail,
    clock,
    log,
    flood: createFlood(log, clock),
    peerOf: createPeerOf([]),
    leaving: connections.leaving,
  })
  const answerBytes: Journey['lead'] = async (_request, response, { leaving }) => {
    await (holds ?? turn())
    if (isSilent) return
    leaving(response)
    response.writeHead(200, ['content-length', String(body)])
    response.end('x'.repeat(body), 'latin1')
  }
  const pair = tls ? await certificate(building) : undefined
  const { server } = createPublicServer({
    journey: {
      lead: options.lead ?? answerBytes,
      leadAtOnce: () => false,
      settled: async () => {},
    },
    tls: pair && { current: pair, onChange() {}, problem: undefined, close() {} },
    connections,
    shedding,
    limits,
    onUnparsable: (code) => void unparsable.push(code),
    onFault: (error) => assert.fail(String(error)),
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { port } = server.address() as AddressInfo
  const sockets: Socket[] = []
  building.defer(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
    server.closeAllConnections()
  })
  const made = building.move()
  return {
    port,
    connections,
    shedding,
    records,
    clock,
    unparsable,
    async connect() {
      const to = { port, host: '127.0.0.1' }
      const socket = tls ? connectTls({ ...to, ca: pair?.ca ?? '', servername: 'localhost' }) : connect(to)
      sockets.push(socket)
      socket.on('error', () => undefined)
      await once(socket, tls ? 'secureConnect' : 'connect')
      return socket
    },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  }
}

async function certificate(stack: AsyncDisposableStack) {
  const emulator = stack.use(await startEmulator())
  const { certPem: cert, keyPem: key } = await emulator.certificateFor(['localhost'])
  return { cert, key, ca: emulator.caPem }
}

export async function untilSo(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn()
}
