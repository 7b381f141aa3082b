import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createHeldSink } from '../audit/held-sink.ts'
import { untilWaiting, verdict } from '../graph/answers.ts'
import { untilQuiet } from '../security/wire.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { sessionPath, startWorld, type World, workspacePath } from '../world/world.ts'
import { untilSo } from './stubbed.ts'

const sessions = `${workspacePath}/sessions`
const reads = { triage: { reads: ['session', 'sessions'] } }

describe('while an answer is on its way', () => {
  /** One call to Graph at a time, and one whose answer never ends. */
  async function dripping(): Promise<World & { readonly clock: ReturnType<typeof createFakeClock> }> {
    const clock = createFakeClock()
    const world = await startWorld({
      clock,
      config: { access: reads, graph: { maxStreams: 1, deadline: '10s' }, cache: { memory: '1MiB' } },
    })
    world.emulator.fail('graph', { kind: 'drip', everyMs: 60_000 })
    return { ...world, clock, records: world.records, logs: world.logs }
  }

  /** Resolves with the answer's head on the wire; @returns what comes of the rest */
  async function begin(world: World, leaves?: AbortSignal): Promise<{ readonly rest: Promise<unknown> }> {
    const recorded = world.records.length
    const rest = world
      .ask(sessions, leaves === undefined ? {} : { signal: leaves })
      .catch((error: unknown) => error)
    await untilSo(() => world.records.length > recorded)
    return { rest }
  }

  test('its place is taken, and given to the next once the caller has left', async () => {
    await using world = await dripping()
    const leaving = new AbortController()
    const { rest } = await begin(world, leaving.signal)
    const next = world.ask(sessions)
    await untilWaiting(world, 1)
    leaving.abort()
    assert.equal((await next).status, 200)
    assert.ok((await rest) instanceof Error)
    await untilQuiet(world)
    const cut = world.records.find((record) => record['cut'] === true)
    assert.partialDeepStrictEqual(cut, { status: 200, refusal: 'callerLeft', operation: 'session.list' })
  })

  test('sessions are in nobody’s way', async () => {
    await using world = await dripping()
    const leaving = new AbortController()
    const { rest } = await begin(world, leaving.signal)
    assert.equal((await world.ask()).status, 200)
    leaving.abort()
    await rest
  })

  test('it has the deadline once more, and breaks off then', async () => {
    await using world = await dripping()
    const { rest } = await begin(world)
    world.clock.advance(9_999)
    const next = world.ask(sessions)
    await untilWaiting(world, 1)
    world.clock.advance(1)
    assert.ok((await rest) instanceof Error)
    assert.equal((await next).status, 200)
    const cut = world.records.find((record) => record['cut'] === true)
    assert.partialDeepStrictEqual(cut, { status: 200, refusal: 'graphTimedOut' })
    assert.ok(!world.logs.some(({ msg }) => msg === 'request unreadable'), 'it is taken for the parser’s')
    assert.match(cut?.['reason'], /took longer than graph\.deadline/)
  })

  test('an answer that fails while its record waits is withheld, and the caller told why', async () => {
    const clock = createFakeClock()
    const { sink, take, flow, written, batches } = createHeldSink()
    await using world = await startWorld({
      clock,
      auditSink: sink,
      config: { access: reads, graph: { deadline: '2s' }, audit: { stallAfter: '10s' } },
    })
    await written(1)
    take()
    world.emulator.fail('graph', { kind: 'drip', everyMs: 60_000 })
    const asked = world.ask(sessions)
    await written(2)
    clock.advance(2_000)
    take()
    flow()
    const reply = await asked
    assert.deepEqual(verdict(reply).slice(0, 2), [504, 'graphTimedOut'])
    await untilQuiet(world)
    assert.match(batches.join(''), /"withheld":true/)
  })
})

test('a hanging Graph is 504 at the deadline, and the next one is answered', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({ clock, config: { access: reads, graph: { deadline: '3s' } } })
  world.emulator.fail('graph', { kind: 'hang' })
  const asked = world.ask(sessions)
  await world.emulator.reached('graph', 1)
  clock.advance(3_000)
  assert.deepEqual(verdict(await asked).slice(0, 2), [504, 'graphTimedOut'])
  assert.equal((await world.ask(sessions)).status, 200)
})

test('more than graph.maxStreamed breaks off', async () => {
  await using world = await startWorld({ config: { access: reads, graph: { maxStreamed: '1KiB' } } })
  assert.equal((await world.ask(`${sessions}?$top=1`)).status, 200)
  const body = JSON.stringify({ value: 'x'.repeat(2_000) })
  const headers = { 'Content-Type': 'application/json' }
  world.emulator.fail('graph', { kind: 'body', status: 200, headers, body })
  await assert.rejects(world.ask(sessions))
  await untilQuiet(world)
  assert.match(world.records.at(-1)?.['reason'], /longer than graph\.maxStreamed \(1024 bytes\)/)
})

test('a gate that a session shut is shut for lists, and the other way round', async () => {
  for (const [first, second] of [
    [sessionPath, sessions],
    [sessions, sessionPath],
  ] as const) {
    await using world = await startWorld({ config: { access: reads } })
    world.emulator.fail('graph', { kind: 'status', status: 429, retryAfter: '20' })
    assert.equal((await world.ask(first)).status, 503)
    const reply = await world.ask(second)
    assert.deepEqual(verdict(reply).slice(0, 2), [503, 'graphThrottled'])
    assert.equal(world.emulator.graph.calls, 1)
  }
})
