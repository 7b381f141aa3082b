import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Emulator } from '../../src/emulator/index.ts'
import { placeSession, untilWaiting } from '../graph/answers.ts'
import { until, untilQuiet } from '../security/wire.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { type Reply, startWorld, type World } from '../world/world.ts'
import { startWay, type Way } from './way.ts'
import { type Promised, table } from './table.ts'

const minute = 60_000
const windows = { freshFor: '10m', staleWhileRevalidate: '10m', staleIfError: '2h', notFoundFor: '0s' }

interface Played {
  readonly world: World
  readonly clock: FakeClock
  readonly promised: Promised
  /** The way to Graph. */
  readonly way: Way
}

/** Sessions by what the cache has of them. */
interface Stored {
  readonly fresh: string
  readonly stale: string
  readonly lastResort: string
}

function place({ world, promised: { select } }: Played): string {
  const { path } = placeSession(world)
  return select === undefined ? path : `${path}?$select=${select}`
}

async function store(played: Played): Promise<Stored> {
  const { world, clock } = played
  const fetched = async (): Promise<string> => {
    const path = place(played)
    // Where a token lives for a minute only, there may be none yet.
    await until('an answer to keep', async () => (await world.ask(path)).status === 200)
    return path
  }
  const lastResort = await fetched()
  clock.advance(10 * minute)
  const stale = await fetched()
  clock.advance(11 * minute)
  const fresh = await fetched()
  clock.advance(minute)
  return { fresh, stale, lastResort }
}

/** The fault is there from now on, for the session at this path. */
async function begin({ world, clock, promised, way }: Played, path: string): Promise<void> {
  const { emulator } = world
  const { at, given, fault, times = Infinity } = promised
  emulator.fail(at, fault(path, emulator), times)
  if (given === 'closedPort') await way.close()
  if (given === 'revokedToken') emulator.entra.revokeTokens()
  if (given === 'noToken') {
    clock.advance(minute)
    await until('the end of the token', async () => {
      return (await world.manage('/readyz')).json.degraded.includes('token: none')
    })
  }
}

/** It is over, and has no consequences for what comes next. */
async function end({ world, clock, way }: Played): Promise<void> {
  await untilQuiet(world)
  await way.close()
  await way.open()
  world.emulator.recover('graph')
  world.emulator.recover('token')
  clock.advance(61_000)
  // An exchange that was under way as it ended may have to fail first.
  await until('an end of the fault', async () => {
    const reply = await passing(clock, world.ask(placeSession(world).path))
    return reply.status === 200
  })
  // A token that Graph refuses is exchanged once in 30 s.
  clock.advance(31_000)
}

/** Time passes until it is answered. */
async function passing<T>(clock: FakeClock, asking: Promise<T>): Promise<T> {
  let isAnswered = false
  const answered = asking.finally(() => {
    isAnswered = true
  })
  while (!isAnswered) {
    clock.advance(100)
    await turn()
  }
  return answered
}

async function pass({ world, clock, promised }: Played, calls: number, isBehind: boolean): Promise<void> {
  const { passes } = promised
  if (passes === 'deadline') {
    await world.emulator.reached('graph', calls + 1)
    clock.advance(10_000)
  } else if (passes !== undefined && !isBehind) {
    await untilWaiting(world, 1)
    clock.advance(passes)
  }
}

/** Asks during the fault, and counts the calls that it costs. */
async function ask(
  played: Played,
  path: string,
  trip: 'none' | 'behind' | 'awaited',
): Promise<{ readonly reply: Reply; readonly calls: number }> {
  const { world, clock } = played
  await begin(played, path)
  const { calls } = world.emulator.graph
  const asking = world.ask(path)
  if (trip !== 'none') await pass(played, calls, trip === 'behind')
  async function done(): Promise<Reply> {
    const reply = await asking
    await untilQuiet(world)
    return reply
  }
  // Where Entra answers nothing it is the exchange that must end.
  const reply = await (played.promised.given === 'noToken' ? passing(clock, done()) : done())
  return { reply, calls: world.emulator.graph.calls - calls }
}

async function isKept({ world }: Played, path: string): Promise<boolean> {
  return (await world.ask(path, { headers: { 'cache-control': 'only-if-cached' } })).status === 200
}

async function assertRecorded({ world }: Played, reply: Reply, expected: object): Promise<void> {
  const { status, cache, refusal, graphFailure } = await world.recordOf(reply.headers['request-id'])
  assert.deepEqual(
    { status, cache, refusal, graphFailure },
    { cache: undefined, refusal: undefined, graphFailure: undefined, ...expected },
  )
}

function assertRefused({ promised }: Played, reply: Reply): void {
  const { status, code, retryAfter } = promised
  assert.deepEqual([reply.status, reply.json.error.code], [status, code])
  const told = reply.headers['retry-after']
  if (retryAfter === 'some') assert.match(String(told), /^[1-9]\d*$/)
  else assert.equal(told, retryAfter?.toString())
  assert.equal(reply.headers['proxy-status'] === undefined, status === 404 || status === 410)
}

for (const promised of table) {
  const { what, status, code, kept, calls, callsBehind = calls } = promised
  test(what, async () => {
    const clock = createFakeClock()
    await using ways = new AsyncDisposableStack()
    let way!: Way
    async function prepare(emulator: Emulator): Promise<void> {
      way = ways.use(await startWay(emulator.url))
      if (promised.given === 'noToken') emulator.entra.tokenLifetimeSeconds = 60
    }
    await using world = await startWorld({
      clock,
      prepare,
      config: () => ({ cache: windows, graph: { endpoint: way.url, maxBody: '2KiB' } }),
    })
    const played: Played = { world, clock, promised, way }
    const { fresh, stale, lastResort } = await store(played)

    const onFresh = await ask(played, fresh, 'none')
    assert.match(String(onFresh.reply.headers['cache-status']), /; hit; ttl=\d/)
    assert.deepEqual([onFresh.reply.status, onFresh.calls], [200, 0])
    await assertRecorded(played, onFresh.reply, { status: 200, cache: 'hit' })
    await end(played)

    const onStale = await ask(played, stale, 'behind')
    assert.match(String(onStale.reply.headers['cache-status']), /; hit; ttl=-\d/)
    assert.deepEqual([onStale.reply.status, onStale.calls], [200, callsBehind])
    await assertRecorded(played, onStale.reply, { status: 200, cache: 'stale' })
    assert.equal(await isKept(played, stale), kept !== 'dropped')
    await end(played)

    const late = await ask(played, lastResort, 'awaited')
    assert.equal(late.calls, calls)
    if (code === undefined) {
      await assertRecorded(played, late.reply, { status: 200, cache: 'expired' })
    } else if (kept === 'given') {
      assert.equal(late.reply.status, 200)
      assert.ok(String(late.reply.headers['cache-status']).endsWith(`; detail=${code}`))
      await assertRecorded(played, late.reply, { status: 200, cache: 'lastResort', graphFailure: code })
    } else {
      assertRefused(played, late.reply)
    }
    await end(played)

    const logged = world.logs.length
    const path = place(played)
    const onNothing = await ask(played, path, 'awaited')
    assert.equal(onNothing.calls, calls)
    if (code === undefined) {
      assert.equal(onNothing.reply.status, 200)
      await assertRecorded(played, onNothing.reply, { status: 200, cache: 'miss' })
      return
    }
    assertRefused(played, onNothing.reply)
    assert.equal(await isKept(played, path), false)
    if (status >= 500) {
      await assertRecorded(played, onNothing.reply, { status, refusal: code })
      const lines = world.logs
        .slice(logged)
        .filter((line) => line['requestId'] === onNothing.reply.headers['request-id'])
      assert.deepEqual(
        lines.map(({ level }) => level),
        ['warn'],
      )
      assert.ok(lines[0]?.['reason'], 'the operator is not told why')
    }
  })
}
