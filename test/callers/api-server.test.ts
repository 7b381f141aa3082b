/** The way to an API server, where the network between swallows what it is sent and says nothing. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type ApiServer, createApiServer } from '../../src/callers/index.ts'
import { type Emulator, startEmulator } from '../../src/emulator/index.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'

interface Network extends AsyncDisposable {
  readonly clock: FakeClock
  readonly emulator: Emulator
  readonly apiServer: ApiServer
  /** Connections that have been made so far. */
  readonly made: () => number
  /** Connections as they are now lead nowhere any more, without a word: a load balancer has forgotten them. */
  forget(): void
  /** As often at the same time. */
  ask(times?: number): Promise<PromiseSettledResult<number>[]>
}

async function startNetwork(): Promise<Network> {
  await using building = new AsyncDisposableStack()
  const clock = createFakeClock()
  const emulator = building.use(await startEmulator({ now: clock.now }))
  const target = new URL(emulator.url)
  const ways: (readonly [Socket, Socket])[] = []
  const relay = createServer((near) => {
    const far = connect(Number(target.port), '127.0.0.1')
    ways.push([near, far])
    near.on('error', () => far.destroy()).on('close', () => far.destroy())
    far.on('error', () => near.destroy())
    near.pipe(far).pipe(near)
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  building.defer(() => {
    relay.close()
    for (const way of ways) for (const socket of way) socket.destroy()
  })
  const folder = building.use(await mkdtempDisposable(join(tmpdir(), 'session-gateway-api-server-')))
  const [tokenFile, caFile] = ['token', 'ca.crt'].map((name) => join(folder.path, name)) as [string, string]
  await Promise.all([writeFile(tokenFile, emulator.cluster.podToken), writeFile(caFile, emulator.caPem)])
  const { port } = relay.address() as AddressInfo
  const apiServer = createApiServer(
    { apiServer: `https://localhost:${port}/cluster`, tokenFile, caFile },
    clock,
  )
  building.defer(() => apiServer.close())
  const made = building.move()
  return {
    clock,
    emulator,
    apiServer,
    made: () => ways.length,
    forget() {
      for (const [near, far] of ways) {
        near.unpipe(far).resume()
        far.unpipe(near).resume()
      }
    },
    ask: (times = 1) =>
      Promise.allSettled(
        Array.from({ length: times }, async () => {
          const { status } = await apiServer.send({ path: '/openid/v1/jwks', deadlineMs: 2_000 })
          return status
        }),
      ),
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  }
}

test('kept connections that all lead nowhere cost one deadline, and not one each', async () => {
  await using network = await startNetwork()
  await network.ask(8)
  const kept = network.made()
  assert.ok(kept > 1, 'several are kept')
  network.forget()
  const first = network.ask()
  while (network.clock.pending === 0) await turn()
  network.clock.advance(2_000)
  assert.deepEqual(
    (await first).map(({ status }) => status),
    ['rejected'],
  )
  const next = network.ask(8)
  while (network.clock.pending < 8) await turn()
  // What leads nowhere does not answer by now either.
  const late = AbortSignal.timeout(5_000)
  while (network.clock.pending > 0 && !late.aborted) await turn()
  network.clock.advance(2_000)
  assert.deepEqual(
    await next,
    Array.from({ length: 8 }, () => ({ status: 'fulfilled', value: 200 })),
  )
})
