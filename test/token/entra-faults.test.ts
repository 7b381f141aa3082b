import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Emulator } from '../../src/emulator/index.ts'
import { until } from '../callers/forge.ts'
import { httpsServer } from '../outbound/counterpart.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { type Line, type Reply, sessionId, startWorld, type World, workspacePath } from '../world/world.ts'
import { type EntraFault, entraFaults, entraInFrontOf, type FaultyEntra } from './faulty-entra.ts'

const elsewhere = await httpsServer((_request, response) => void response.end())
after(() => elsewhere[Symbol.asyncDispose]())

/** An exchange is given up after this long: `graph.deadline`. */
const deadlineMs = 10_000
/** The longest wait of our own between two exchanges. */
const longestRetryMs = 60_000

interface Ailing extends World {
  readonly clock: FakeClock
  begin(): Promise<void>
  end(): Promise<void>
  /** Exchanges that failed, as the operator read of them. */
  readonly failures: readonly { readonly msg: string; readonly retryInMs: number }[]
  readonly successes: number
  /** Moves time on, to the end of the exchange that this begins. */
  exchangeAfter(ms: number): Promise<void>
  /** Reads a session that nobody has read before, so that Graph must be asked. */
  read(): Promise<Reply>
}

async function startAiling({ fault }: EntraFault, isAilingFirst: boolean): Promise<Ailing> {
  const clock = createFakeClock()
  await using building = new AsyncDisposableStack()
  let entra: FaultyEntra | undefined
  const begin = async (emulator: Emulator): Promise<void> => {
    if (fault === 'down') await entra?.stop()
    else emulator.fail('token', fault, Infinity)
  }
  const world = building.use(
    await startWorld({
      clock,
      mayBeUnready: isAilingFirst,
      async prepare(emulator) {
        entra = building.use(await entraInFrontOf(emulator))
        if (isAilingFirst) await begin(emulator)
      },
      config: () => ({ identity: { authorityHost: entra?.origin } }),
    }),
  )
  const { emulator } = world
  const everything = building.move()
  let sessions = 0
  const hangs = typeof fault === 'object' && fault.kind === 'hang'
  let isHanging = hangs && isAilingFirst
  const linesOf = (what: string): Line[] => world.logs.filter(({ msg }) => String(msg).startsWith(what))
  const giveUp = async (requests: number): Promise<void> => {
    await emulator.reached('token', requests)
    clock.advance(deadlineMs)
  }
  if (isAilingFirst) {
    // Callers are known before time moves on.
    await until(world, () => linesOf('new issuer keys').length === 2)
    if (isHanging) await giveUp(1)
    await until(world, () => linesOf('no new app-only token').length === 1)
  }
  const ailing: Ailing = {
    ...world,
    clock,
    async begin() {
      await begin(emulator)
      isHanging = hangs
    },
    async end() {
      if (fault === 'down') await entra?.start()
      else emulator.recover('token')
      isHanging = false
    },
    get failures() {
      return linesOf('no new app-only token').map(({ msg, retryInMs }) => ({
        msg: String(msg),
        // It is told in whole milliseconds.
        retryInMs: Number(retryInMs) + 1,
      }))
    },
    get successes() {
      return linesOf('new app-only token').length
    },
    async exchangeAfter(ms) {
      const ended = ailing.failures.length + ailing.successes
      const reached = emulator.entra.requests.length
      clock.advance(ms)
      if (isHanging) await giveUp(reached + 1)
      await until(world, () => ailing.failures.length + ailing.successes > ended)
    },
    async read() {
      sessions += 1
      const id = `${String(sessions).padStart(8, '0')}${sessionId.slice(8)}`
      const instant = '2026-01-01T00:00:00.00000Z'
      const session = { id, createdDateTime: instant, lastModifiedDateTime: instant, displayName: null }
      emulator.graph.put('default', session)
      return world.ask(`${workspacePath}/sessions/${id}`, { token: await world.workloadToken('triage') })
    },
    [Symbol.asyncDispose]: () => everything.disposeAsync(),
  }
  return ailing
}

/** Every exchange that was begun has ended in a line, and each was one request at the most. */
function assertTold({ failures, successes, emulator }: Ailing, { says, what }: EntraFault): void {
  for (const { msg } of failures) assert.match(msg, says)
  if (what !== 'is down') assert.equal(emulator.entra.requests.length, failures.length + successes)
  assert.equal(elsewhere.connections, 0)
}

for (const fault of entraFaults(elsewhere.origin)) {
  test(`while Entra ${fault.what}, a valid token is used to its end, and no caller notices`, async () => {
    await using world = await startAiling(fault, false)
    await until(world, () => world.successes === 1)
    // Its last ten seconds are not used: it could end on the way. And lifetimes are counted in whole seconds.
    const endsAt = world.clock.monotonic() + 3_599_000 - 10_000 - 2_000
    await world.begin()
    await world.exchangeAfter(3_000_000)
    for (;;) {
      assert.equal((await world.read()).status, 200)
      const { retryInMs = 0 } = world.failures.at(-1) ?? {}
      if (world.clock.monotonic() + retryInMs + 2 * deadlineMs >= endsAt) break
      await world.exchangeAfter(retryInMs)
    }
    assertTold(world, fault)
    world.clock.advance(endsAt - world.clock.monotonic())
    assert.equal((await world.read()).status, 200)
    assert.match((await world.manage('/readyz')).body, /token: renewalFailing/)
  })

  test(`while Entra ${fault.what}, callers without a token are told at once, and all is well soon after it is`, async () => {
    await using world = await startAiling(fault, true)
    const { waitMs = 0 } = fault
    for (let failures = 1; failures <= 8; failures += 1) {
      const { retryInMs = 0 } = world.failures.at(-1) ?? {}
      assert.ok(retryInMs >= waitMs && retryInMs <= Math.max(waitMs, longestRetryMs) + 1, `${retryInMs}`)
      // Time stands still: whoever had to wait would wait for ever.
      for (const { status, headers, json } of await Promise.all(
        Array.from({ length: 25 }, () => world.read()),
      )) {
        assert.deepEqual([status, json.error.code], [503, 'tokenUnavailable'])
        // The log rounds to milliseconds what this rounds up to seconds.
        const seconds = [-1, 1].map((ms) => String(Math.max(1, Math.ceil((retryInMs + ms) / 1000))))
        assert.ok(seconds.includes(String(headers['retry-after'])))
      }
      assert.equal(world.failures.length, failures, 'nobody who asks begins an exchange')
      await world.exchangeAfter(retryInMs)
    }
    assert.equal(world.emulator.graph.calls, 0)
    assertTold(world, fault)
    await world.end()
    await world.exchangeAfter(world.failures.at(-1)?.retryInMs ?? 0)
    assert.equal(world.successes, 1)
    assert.equal((await world.read()).status, 200)
    assert.doesNotMatch((await world.manage('/readyz')).body, /token:/)
  })
}
