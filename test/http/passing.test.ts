import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createHeldSink } from '../audit/held-sink.ts'
import { placeSession, untilWaiting, verdict } from '../graph/answers.ts'
import { goodHead, readAnswers, until, untilQuiet, wireTo } from '../security/wire.ts'
import { sendRaw } from '../world/raw.ts'
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

test('more than graph.maxStreamed is refused, or breaks off where some of it has left', async () => {
  await using world = await startWorld({ config: { access: reads, graph: { maxStreamed: '1KiB' } } })
  assert.equal((await world.ask(`${sessions}?$top=1`)).status, 200)
  const body = JSON.stringify({ value: 'x'.repeat(2_000) })
  const headers = { 'Content-Type': 'application/json' }
  world.emulator.fail('graph', { kind: 'body', status: 200, headers, body })
  const reply = await world.ask(sessions)
  assert.deepEqual(verdict(reply).slice(0, 2), [502, 'graphAnswerInvalid'])
  world.emulator.fail('graph', { kind: 'drip', everyMs: 1, bytes: 600 })
  for (let count = 0; count < 20; count += 1) placeSession(world)
  await assert.rejects(world.ask(sessions))
  await untilQuiet(world)
  const records = world.records.slice(-3)
  assert.deepEqual(
    records.map(({ status, cut }) => [status, cut]),
    [
      [502, undefined],
      [200, undefined],
      [200, true],
    ],
  )
  for (const index of [0, 2]) {
    assert.match(records[index]?.['reason'], /longer than graph\.maxStreamed \(1024 bytes\)/)
  }
})

test('whoever leaves before the beginning is not asked for any more, and on record', async () => {
  await using world = await startWorld({ config: { access: reads } })
  world.emulator.fail('graph', { kind: 'hang' })
  const leaving = new AbortController()
  const asked = world.ask(sessions, { signal: leaving.signal })
  await world.emulator.reached('graph', 1)
  leaving.abort()
  await assert.rejects(asked)
  await until('no call', async () =>
    /^session_gateway_graph_calls_in_flight 0$/m.test((await world.manage('/metrics')).body),
  )
  const record = world.records.at(-1)
  assert.partialDeepStrictEqual(record, { status: 499, refusal: 'callerLeft', operation: 'session.list' })
  assert.equal(record?.['withheld'], undefined)
})

test('HEAD asks for no more than a beginning', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({ clock, config: { access: reads, graph: { maxStreams: 1 } } })
  world.emulator.fail('graph', { kind: 'drip', everyMs: 60_000 })
  assert.equal((await world.ask(sessions, { method: 'HEAD' })).status, 200)
  assert.equal((await world.ask(sessions)).status, 200)
})

test('an answer that breaks off behind another one on its connection leaves that whole, and then the connection ends', async () => {
  await using world = await startWorld({ config: { access: reads } })
  const first = Promise.withResolvers<void>()
  const request = await goodHead(world, sessions)
  async function* oneAfterTheOther(): AsyncGenerator<string> {
    world.emulator.fail('graph', { kind: 'hold', until: first.promise })
    yield `${request}\r\n`
    // Or the second one might get there before the first.
    await world.emulator.reached('graph', 1)
    world.emulator.fail('graph', { kind: 'drip', everyMs: 60_000, bytes: 40 })
    yield `${request}\r\n`
  }
  const sent = sendRaw(oneAfterTheOther(), wireTo(world))
  await untilSo(() => world.records.length === 1)
  // The second one's beginning is there, and waits behind the first.
  world.emulator.reset()
  await world.emulator.close()
  await untilSo(() => world.records.some(({ cut }) => cut === true))
  first.resolve()
  const { text, isClosed } = await sent
  assert.ok(isClosed)
  assert.equal(readAnswers(text).length, 1)
})

test('no word of a filter is on record or in the log, whatever Graph repeats', async () => {
  await using world = await startWorld({ config: { access: reads } })
  const filter = "$filter=displayName%20eq%20'Heimlich'"
  const headers = { 'Content-Type': 'application/json' }
  const error = { code: 'BadRequest', message: "Invalid filter clause: displayName eq 'Heimlich'." }
  const link = `https://evil.example/beta/x?${filter}`
  for (const [status, body] of [
    [400, { error }],
    [403, { error }],
    [409, { error }],
    [200, { '@odata.nextLink': link, value: [] }],
  ] as const) {
    world.emulator.fail('graph', { kind: 'body', status, headers, body: JSON.stringify(body) })
    const reply = await world.ask(`${sessions}?${filter}`)
    assert.equal(reply.status, status === 400 ? 400 : 502)
    await world.recordOf(reply.headers['request-id'])
    assert.equal(world.logs.at(-1)?.['code'], reply.json.error.code)
  }
  assert.doesNotMatch(JSON.stringify([world.trail, world.logs]), /Heimlich/)
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
