import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { placeSession } from '../graph/answers.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import type { Fault } from '../../src/emulator/index.ts'
import { type Reply, startWorld, type World } from '../world/world.ts'
import { sharedWorld, until, untilQuiet } from '../security/wire.ts'

const windows = { freshFor: '30s', staleWhileRevalidate: '60s', staleIfError: '10m', maxRetention: '5m' }

/** What a caller is told of how its answer came about. */
const told = ({ status, headers }: Reply): unknown[] => [status, headers['cache-status'], headers['age']]
const hit = (ttl: number, age: number): unknown[] => [200, `session-gateway; hit; ttl=${ttl}`, String(age)]
const lastResort = (how: string, age: number): unknown[] => [
  200,
  `session-gateway; fwd=stale${how}`,
  String(age),
]

function rename({ emulator }: World, id: string, displayName: string): void {
  const createdDateTime = '2026-01-01T00:00:00Z'
  emulator.graph.put('default', { id, createdDateTime, lastModifiedDateTime: createdDateTime, displayName })
}

describe('an answer past its freshness', () => {
  const clock = createFakeClock()
  const world = sharedWorld({ clock, config: { cache: windows } })

  test('is given at once and asked for anew behind it; the next caller gets the new one', async () => {
    const { emulator } = world()
    const { id, path } = placeSession(world())
    const first = await world().ask(path)
    clock.advance(30_500)
    rename(world(), id, 'renamed')
    const calls = emulator.graph.calls
    const stale = await world().ask(path)
    assert.deepEqual(told(stale), hit(-1, 30))
    assert.deepEqual([stale.body, stale.headers['etag']], [first.body, first.headers['etag']])
    await untilQuiet(world())
    assert.equal(emulator.graph.calls, calls + 1)
    const renewed = await world().ask(path)
    assert.deepEqual(told(renewed), hit(30, 0))
    assert.equal(renewed.json.displayName, 'renamed')
    assert.notEqual(renewed.headers['etag'], first.headers['etag'])
    assert.equal(
      world().records.findLast(({ cache }) => cache === 'stale')?.['requestId'],
      stale.headers['request-id'],
    )
  })

  test('does not make its callers wait for Graph, and costs one trip however many there are', async () => {
    const { emulator } = world()
    const { path } = placeSession(world())
    await world().ask(path)
    clock.advance(31_000)
    const hold = Promise.withResolvers<void>()
    emulator.fail('graph', { kind: 'hold', until: hold.promise })
    const calls = emulator.graph.calls
    for (const reply of await Promise.all(Array.from({ length: 50 }, () => world().ask(path)))) {
      assert.deepEqual(told(reply), hit(-1, 31))
    }
    hold.resolve()
    await untilQuiet(world())
    assert.equal(emulator.graph.calls, calls + 1)
  })

  test('answers a condition like a fresh one', async () => {
    const { path } = placeSession(world())
    const { headers } = await world().ask(path)
    clock.advance(40_000)
    const reply = await world().ask(path, { headers: { 'if-none-match': String(headers['etag']) } })
    assert.deepEqual(told(reply), [304, 'session-gateway; hit; ttl=-10', '40'])
    await untilQuiet(world())
  })

  test('goes when Graph has lost the session, behind the last caller who gets it', async () => {
    const { emulator } = world()
    const { id, path } = placeSession(world())
    await world().ask(path)
    clock.advance(31_000)
    emulator.graph.remove('default', id)
    assert.equal((await world().ask(path)).status, 200)
    await untilQuiet(world())
    assert.deepEqual(told(await world().ask(path)), [404, 'session-gateway; hit; ttl=5', '0'])
  })

  test('goes in every variant when Graph has lost the session, or refuses it', async () => {
    const { emulator } = world()
    for (const status of [404, 403]) {
      const { path } = placeSession(world())
      const [whole, id, names] = [path, `${path}?$select=id`, `${path}?$select=displayName,id`] as const
      for (const variant of [whole, id, names]) assert.equal((await world().ask(variant)).status, 200)
      clock.advance(31_000)
      emulator.fail('graph', { kind: 'status', status })
      assert.equal((await world().ask(id)).status, 200)
      await untilQuiet(world())
      for (const variant of [whole, names]) {
        const how = (await world().ask(variant)).headers['cache-status']
        assert.equal(how, 'session-gateway; fwd=uri-miss; fwd-status=200; stored')
      }
    }
  })

  test('goes when Graph refuses the session, behind the last caller who gets it, and the log says so', async () => {
    const { emulator, logs } = world()
    const { path } = placeSession(world())
    await world().ask(path)
    clock.advance(31_000)
    emulator.fail('graph', { kind: 'status', status: 403 })
    const logged = logs.length
    assert.equal((await world().ask(path)).status, 200)
    await untilQuiet(world())
    const line = logs.slice(logged).find(({ code }) => code === 'graphRefused')
    assert.deepEqual(
      [line?.['level'], line?.['msg']],
      ['warn', 'Graph failed where an older answer is at hand'],
    )
    const refused = await world().ask(path)
    assert.deepEqual([refused.status, refused.json.error.code], [502, 'graphRefused'])
  })
})

const outages: readonly (readonly [what: string, faults: readonly Fault[], how: string])[] = [
  [
    '500',
    [
      { kind: 'status', status: 500 },
      { kind: 'status', status: 500 },
    ],
    '; fwd-status=500; detail=graphFailed',
  ],
  [
    '504',
    [
      { kind: 'status', status: 504 },
      { kind: 'status', status: 504 },
    ],
    '; fwd-status=504; detail=graphFailed',
  ],
  ['resets', [{ kind: 'reset' }, { kind: 'reset' }], '; detail=graphFailed'],
  ['429', [{ kind: 'status', status: 429, retryAfter: '2' }], '; fwd-status=429; detail=graphThrottled'],
  [
    '503 with Retry-After',
    [{ kind: 'status', status: 503, retryAfter: '2' }],
    '; fwd-status=503; detail=graphThrottled',
  ],
  [
    '401 for good',
    [
      { kind: 'status', status: 401 },
      { kind: 'status', status: 401 },
    ],
    '; fwd-status=401; detail=graphRefused',
  ],
  ['a page of HTML', [{ kind: 'html' }], '; fwd-status=200; detail=graphAnswerInvalid'],
  ['half an answer', [{ kind: 'truncate' }], '; detail=graphAnswerInvalid'],
  ['another session', [{ kind: 'otherId' }], '; fwd-status=200; detail=graphAnswerInvalid'],
  [
    'a redirect',
    [{ kind: 'redirect', location: 'https://elsewhere.example/' }],
    '; fwd-status=302; detail=graphAnswerInvalid',
  ],
]

describe('when Graph fails', () => {
  const clock = createFakeClock()
  const world = sharedWorld({ clock, config: { cache: windows } })

  // Each begins with an open gate, and no failures counted.
  beforeEach(async () => {
    world().emulator.recover('graph')
    clock.advance(61_000)
    assert.equal((await world().ask(placeSession(world()).path)).status, 200)
  })

  for (const [what, faults, how] of outages) {
    test(`with ${what}, what is kept for that is given, and says so; the log is loud, and the record knows`, async () => {
      const { emulator, logs, records } = world()
      const { path } = placeSession(world())
      const { body } = await world().ask(path)
      clock.advance(100_000)
      for (const fault of faults) emulator.fail('graph', fault)
      const logged = logs.length
      const reply = await world().ask(path)
      assert.deepEqual([...told(reply), reply.body], [...lastResort(how, 100), body])
      assert.equal(reply.headers['proxy-status'], undefined)
      const loud = logs.slice(logged).filter(({ level }) => level === 'warn')
      assert.deepEqual(
        loud.map(({ msg }) => msg),
        ['Graph failed where an older answer is at hand'],
      )
      const record = records.at(-1)
      const failure = how.split('detail=')[1]
      assert.deepEqual(
        [record?.['cache'], record?.['graphFailure'], record?.['status']],
        ['lastResort', failure, 200],
      )
    })
  }

  test('with nothing at all, callers wait for the deadline, once, and then get what is kept', async () => {
    const { emulator } = world()
    const { path } = placeSession(world())
    await world().ask(path)
    clock.advance(100_000)
    emulator.fail('graph', { kind: 'hang' })
    const before = emulator.graph.calls
    const asking = [world().ask(path), world().ask(path)]
    await emulator.reached('graph', before + 1)
    await until('both wait', async () => /in_flight 2$/m.test((await world().manage('/metrics')).body))
    clock.advance(10_000)
    for (const reply of await Promise.all(asking)) {
      assert.deepEqual(told(reply), lastResort('; detail=graphTimedOut', 110))
    }
    // It is not tried again at once.
    assert.deepEqual(told(await world().ask(path)), lastResort('; detail=graphTimedOut', 110))
    assert.equal(emulator.graph.calls, before + 1)
  })

  test('while the gate is shut, what is kept is given without asking Graph', async () => {
    const { emulator } = world()
    const [kept, absent] = [placeSession(world()), placeSession(world())]
    await world().ask(kept.path)
    clock.advance(100_000)
    emulator.fail('graph', { kind: 'status', status: 429, retryAfter: '30' })
    assert.equal((await world().ask(absent.path)).status, 503)
    const { calls } = emulator.graph
    const logged = world().logs.length
    assert.deepEqual(told(await world().ask(kept.path)), lastResort('; detail=graphThrottled', 100))
    assert.equal(emulator.graph.calls, calls)
    // That the gate is shut has been said when it was shut, and is not said for every answer.
    assert.deepEqual(world().logs.slice(logged), [])
    clock.advance(30_000)
    assert.deepEqual(told(await world().ask(kept.path)).slice(0, 2), [
      200,
      'session-gateway; fwd=stale; fwd-status=200; stored',
    ])
  })

  test('with a 403, nothing is given, and what was kept is gone', async () => {
    const { emulator } = world()
    const { path } = placeSession(world())
    await world().ask(path)
    clock.advance(100_000)
    emulator.fail('graph', { kind: 'status', status: 403 })
    assert.equal((await world().ask(path)).status, 502)
    emulator.fail('graph', { kind: 'status', status: 500 }, 2)
    clock.advance(10_000)
    assert.equal((await world().ask(path)).status, 502)
  })

  test('beyond maxRetention nothing is given, though staleIfError is longer', async () => {
    const { emulator } = world()
    const { path } = placeSession(world())
    await world().ask(path)
    clock.advance(299_999)
    emulator.fail('graph', { kind: 'status', status: 500 }, 2)
    assert.equal((await world().ask(path)).status, 200)
    clock.advance(1)
    const gone = await world().ask(path)
    assert.deepEqual([gone.status, gone.json.error.code], [502, 'graphFailed'])
  })
})

test('without a token for Graph, what is kept is given', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({
    clock,
    config: { cache: windows },
    prepare: (emulator) => {
      emulator.entra.tokenLifetimeSeconds = 60
    },
  })
  await world.ask()
  world.emulator.fail('token', { kind: 'status', status: 500 }, Infinity)
  clock.advance(100_000)
  await until('no token', async () => {
    const { degraded } = (await world.manage('/readyz')).json
    return degraded.includes('token: none')
  })
  assert.deepEqual(told(await world.ask()), lastResort('; detail=tokenUnavailable', 100))
})

describe('should Graph ever send entity tags', () => {
  const clock = createFakeClock()
  const world = sharedWorld({
    clock,
    config: { cache: { ...windows, staleWhileRevalidate: '0s' } },
    prepare: ({ graph }) => {
      graph.hasEntityTags = true
    },
  })

  /** What Graph was asked with, of the newest call. */
  function condition(): string | undefined {
    const { rawHeaders = [] } = world().emulator.graph.requests.at(-1) ?? {}
    const at = rawHeaders.indexOf('if-none-match')
    return at === -1 ? undefined : rawHeaders[at + 1]
  }

  test('it is asked with them, and a 304 makes the answer fresh again, as it was', async () => {
    const { path } = placeSession(world())
    const first = await world().ask(path)
    assert.equal(condition(), undefined)
    clock.advance(31_000)
    const confirmed = await world().ask(path)
    assert.match(String(condition()), /^W\/"[\w-]+"$/)
    assert.deepEqual(told(confirmed), [200, 'session-gateway; fwd=stale; fwd-status=304; stored', undefined])
    assert.deepEqual([confirmed.body, confirmed.headers['etag']], [first.body, first.headers['etag']])
    // The tag is ours, still: it names the bytes, and Graph’s is nobody else’s business.
    assert.doesNotMatch(String(confirmed.headers['etag']), /^W/)
    assert.deepEqual(told(await world().ask(path)), hit(30, 0))
    assert.equal(
      world().records.at(-1)?.['graphClientRequestId'],
      world().records.at(-2)?.['graphClientRequestId'],
    )
  })

  test('a changed session is fetched whole', async () => {
    const { id, path } = placeSession(world())
    await world().ask(path)
    rename(world(), id, 'renamed')
    clock.advance(31_000)
    const reply = await world().ask(path)
    assert.deepEqual(
      [reply.json.displayName, reply.headers['cache-status']],
      ['renamed', 'session-gateway; fwd=stale; fwd-status=200; stored'],
    )
  })

  for (const tag of ['no quotes', '"a"b"', 'W/', '"a\u00e9"', `"${'x'.repeat(300)}"`, 'w/"a"']) {
    test(`what is no entity tag, ${tag.slice(0, 12)}, is not sent back`, async () => {
      const { id, path } = placeSession(world())
      const headers = { 'Content-Type': 'application/json', ETag: tag }
      world().emulator.fail('graph', { kind: 'body', status: 200, headers, body: JSON.stringify({ id }) })
      assert.equal((await world().ask(path)).status, 200)
      clock.advance(31_000)
      assert.equal((await world().ask(path)).status, 200)
      assert.equal(condition(), undefined)
    })
  }
})
