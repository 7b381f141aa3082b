import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Emulator, startEmulator } from '../../src/emulator/index.ts'
import { createGate, createGraphClient, createLine, createRetryBudget } from '../../src/graph/index.ts'
import { createOutbound, type Outbound } from '../../src/outbound/index.ts'
import type { TokenProvider } from '../../src/token/index.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { workspacePath } from '../world/world.ts'
import { table } from './table.ts'

const exchanges = 10_000
const atOnce = 50
/** Per exchange; the smallest thing that could be kept of one is larger. */
const mostBytesLeft = 100

const ills = table.filter(
  ({ at, given, code }) => at === 'graph' && given === undefined && code !== undefined,
)

async function collectGarbage(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  assert.ok(typeof gc === 'function')
  for (let times = 0; times < 4; times += 1) {
    gc()
    await turn()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Connections, of either end; timers of others come and go. */
const sockets = (): number =>
  process.getActiveResourcesInfo().filter((kind) => /^(TCPSocket|TLS)Wrap$/.test(kind)).length

async function tokenOf({ url, entra }: Emulator, outbound: Outbound): Promise<string> {
  const { body } = await outbound.send({
    origin: url,
    target: `/${entra.tenantId}/oauth2/v2.0/token`,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      client_id: entra.clientId,
      client_secret: entra.clientSecret,
      scope: 'https://graph.microsoft.com/.default',
      grant_type: 'client_credentials',
    }).toString(),
    deadlineMs: 60_000,
    maxBodyBytes: 100_000,
  })
  return JSON.parse(body.toString()).access_token
}

interface Trips {
  readonly emulator: Emulator
  readonly outbound: Outbound
  readonly clock: FakeClock
  readonly tokens: TokenProvider
}

/** Some trips at once, each of which fails; a gate of their own, that does not hold them up. */
async function failTogether(
  { emulator, outbound, clock, tokens }: Trips,
  ill: (typeof ills)[number],
): Promise<void> {
  const gate = createGate(clock.monotonic)
  const client = createGraphClient({
    origin: emulator.url,
    deadlineMs: 10_000,
    maxBodyBytes: 2048,
    outbound,
    tokens,
    line: createLine({ gate, clock, mostAtOnce: atOnce, mostWaiting: 0 }),
    passingLine: createLine({ gate, clock, mostAtOnce: atOnce, mostWaiting: 0 }),
    retries: createRetryBudget(),
    clock,
    observer: { called: () => {}, retried: () => {}, roleMissing: () => {} },
  })
  const sessionId = randomUUID()
  const question = {
    target: `${workspacePath}/sessions/${sessionId}`,
    sessionId,
    select: ill.select === undefined ? null : [ill.select],
  }
  emulator.graph.put('default', {
    id: sessionId,
    createdDateTime: '2026-01-01T00:00:00Z',
    lastModifiedDateTime: '2026-01-01T00:00:00Z',
    displayName: 'placed',
  })
  emulator.fail('graph', ill.fault(question.target, emulator), Infinity)
  const calls = emulator.graph.calls
  const trips = Array.from({ length: atOnce }, () =>
    client.readSession(question, {
      cancelled: new AbortController().signal,
      isAwaited: true,
      departs: () => {},
    }),
  )
  if (ill.passes === 'deadline') {
    await emulator.reached('graph', calls + atOnce)
    clock.advance(10_000)
  }
  const outcomes = await Promise.allSettled(trips)
  assert.ok(
    outcomes.every(({ status }) => status === (ill.status < 500 ? 'fulfilled' : 'rejected')),
    ill.what,
  )
  emulator.graph.remove('default', sessionId)
}

test('ten thousand faulty exchanges leave no connection, no timer and no byte behind', async () => {
  const before = sockets()
  const clock = createFakeClock()
  const emulator = await startEmulator({ now: clock.now })
  emulator.entra.tokenLifetimeSeconds = 1_000_000
  const outbound = createOutbound({ clock, extraCa: emulator.caPem })
  const token = await tokenOf(emulator, outbound)
  const tokens: TokenProvider = {
    get: () => Promise.resolve(token),
    reject: () => true,
    onToken: () => () => {},
    state: 'valid',
    close: () => {},
  }
  const trips: Trips = { emulator, outbound, clock, tokens }

  let made = 0
  async function make(count: number): Promise<void> {
    for (const until = made + count; made < until;) {
      for (const ill of ills) await failTogether(trips, ill)
      made += emulator.graph.calls
      emulator.reset()
    }
  }
  await make(exchanges / 2)
  const halfWay = await collectGarbage()
  const madeHalfWay = made
  await make(exchanges / 2)
  const left = (await collectGarbage()) - halfWay
  assert.ok(made >= exchanges)
  assert.ok(
    left < mostBytesLeft * (made - madeHalfWay),
    `${left} bytes left of ${made - madeHalfWay} exchanges`,
  )
  assert.equal(clock.pending, 0)

  await outbound.close()
  await emulator.close()
  while (sockets() > before) await turn()
})
