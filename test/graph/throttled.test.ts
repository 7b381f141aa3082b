import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import { type Reply, startWorld } from '../world/world.ts'
import { closeWorld, costOf, placeSession, untilWaiting, verdict } from './answers.ts'

const clock = createFakeClock()
const world = await startWorld({ clock, config: { cache: { freshFor: '24h' } } })
const { emulator } = world
const replies: Reply[] = []
after(() => closeWorld(world, replies))
// Each begins with an open gate, and no failures counted.
beforeEach(async () => {
  emulator.recover('graph')
  clock.advance(61_000)
  assert.equal((await world.ask(placeSession(world).path)).status, 200)
})

const date = (inMs: number): string => new Date(clock.now() + inMs).toUTCString()

const waits: readonly (readonly [
  what: string,
  status: number,
  retryAfter: () => string | undefined,
  ms: number,
])[] = [
  ['429 with whole seconds', 429, () => '7', 7_000],
  ['429 with decimals', 429, () => '1.001', 1_001],
  ['429 that says an hour (5 min at most)', 429, () => '3600', 300_000],
  ['429 that says for ever (5 min at most)', 429, () => '99999999999999', 300_000],
  ['503 with Retry-After', 503, () => '12', 12_000],
  ['503 with a Retry-After for ever (5 min at most)', 503, () => '10000000000', 300_000],
]

for (const [what, status, retryAfter, ms] of waits) {
  test(`a ${what} shuts the gate for ${ms} ms: hits flow, misses are told at once, Graph is not asked`, async () => {
    const [stored, asked, other] = [placeSession(world), placeSession(world), placeSession(world)]
    await world.ask(stored.path)
    const said = retryAfter()
    emulator.fail('graph', { kind: 'status', status, ...(said === undefined ? {} : { retryAfter: said }) })
    const first = await costOf(world, () => world.ask(asked.path))
    assert.deepEqual([first.calls, first.exchanges], [1, 0])

    const shut = await costOf(world, () => Promise.all([asked, other].map(({ path }) => world.ask(path))))
    const told = 'session-gateway; error=destination_unavailable'
    assert.equal(first.result.headers['proxy-status'], `${told}; received-status=${status}`)
    for (const reply of shut.result) assert.equal(reply.headers['proxy-status'], told)
    for (const reply of [first.result, ...shut.result]) {
      assert.deepEqual(verdict(reply), [503, 'graphThrottled', String(Math.ceil(ms / 1000))])
      replies.push(reply)
    }
    assert.equal(shut.calls, 0)
    assert.match(String((await world.ask(stored.path)).headers['cache-status']), /; hit;/)
    assert.equal(await isGraphDegraded(), true)

    // From the last second on it is waited for.
    clock.advance(ms - 1_001)
    assert.equal((await costOf(world, () => world.ask(asked.path))).calls, 0)
    clock.advance(1_001)
    const open = await costOf(world, () => world.ask(asked.path))
    assert.deepEqual([open.result.status, open.calls], [200, 1])
    assert.equal(await isGraphDegraded(), false)
  })
}

const short: readonly (readonly [
  what: string,
  status: number,
  retryAfter: string | undefined,
  ms: number,
])[] = [
  ['429 with decimals', 429, '0.249', 249],
  ['429 with nothing to wait', 429, '0', 100],
  ['429 with a date gone by', 429, new Date(0).toUTCString(), 100],
  ['429 without Retry-After', 429, undefined, 1_000],
  ['429 with a Retry-After that cannot be read', 429, 'soon', 1_000],
  ['503 with Retry-After', 503, '1', 1_000],
]

for (const [what, status, retryAfter, ms] of short) {
  test(`a ${what} is waited for, ${ms} ms, by whoever asks; then one goes first, and nobody notices`, async () => {
    const paths = Array.from({ length: 3 }, () => placeSession(world).path)
    const before = emulator.graph.calls
    emulator.fail('graph', { kind: 'status', status, ...(retryAfter === undefined ? {} : { retryAfter }) })
    const first = world.ask(paths[0])
    await untilWaiting(world, 1)
    const others = paths.slice(1).map((path) => world.ask(path))
    await untilWaiting(world, 3)
    clock.advance(ms - 1)
    assert.equal(emulator.graph.calls, before + 1)
    clock.advance(1)
    for (const reply of await Promise.all([first, ...others])) assert.equal(reply.status, 200)
    assert.equal(emulator.graph.calls, before + 4)
  })
}

test('thirty who are told together to wait for a moment all get their answers', async () => {
  emulator.fail('graph', { kind: 'status', status: 429, retryAfter: '0.249' }, Infinity)
  const asking = Array.from({ length: 30 }, () => world.ask(placeSession(world).path))
  // Those who were told, and those who came a moment later.
  await untilWaiting(world, 30)
  emulator.recover('graph')
  clock.advance(249)
  for (const reply of await Promise.all(asking)) assert.equal(reply.status, 200)
})

test('a 429 with a date shuts the gate until then', async () => {
  // Dates have no milliseconds.
  clock.advance(1000 - (clock.now() % 1000))
  const { path } = placeSession(world)
  emulator.fail('graph', { kind: 'status', status: 429, retryAfter: date(9_000) })
  assert.deepEqual(verdict(await world.ask(path)), [503, 'graphThrottled', '9'])
  clock.advance(7_999)
  assert.equal((await world.ask(path)).status, 503)
  clock.advance(1_001)
  assert.equal((await world.ask(path)).status, 200)
})

test('429 after 429 without Retry-After doubles the wait up to a minute, and an answer forgets it', async () => {
  const { path } = placeSession(world)
  emulator.fail('graph', { kind: 'status', status: 429 }, Infinity)
  await waitsForASecond(async () => {
    assert.equal((await world.ask(path)).headers['retry-after'], '2')
  })
  clock.advance(2_000)
  for (const seconds of [4, 8, 16, 32, 60, 60]) {
    const { result, calls } = await costOf(world, () => world.ask(path))
    assert.deepEqual([result.headers['retry-after'], calls], [String(seconds), 1])
    clock.advance(seconds * 1000)
  }
  emulator.recover('graph')
  assert.equal((await world.ask(path)).status, 200)
  emulator.fail('graph', { kind: 'status', status: 429 })
  await waitsForASecond(async () => {
    assert.equal((await world.ask(placeSession(world).path)).status, 200)
  })
})

async function waitsForASecond(asking: () => Promise<void>): Promise<void> {
  const asked = asking()
  await untilWaiting(world, 1)
  clock.advance(1_000)
  await asked
}

async function isGraphDegraded(): Promise<boolean> {
  return (await world.manage('/readyz')).json.degraded.includes('graph: not to be asked just now')
}
