import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { costOf, placeSession } from '../graph/answers.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import type { Reply } from '../world/world.ts'
import { sharedWorld, untilQuiet } from '../security/wire.ts'

const told = ({ status, headers }: Reply): unknown[] => [status, headers['cache-status']]
const stored = '; fwd-status=200; stored'

describe('Cache-Control of a request', () => {
  const clock = createFakeClock()
  const world = sharedWorld({
    clock,
    config: {
      cache: { freshFor: '30s', staleWhileRevalidate: '60s', staleIfError: '10m' },
      access: {
        forensics: {
          callers: [{ issuer: 'cluster', namespace: 'soc', serviceAccount: 'forensics' }],
          workspaces: ['*'],
          mayBypassCache: true,
        },
      },
    },
  })
  let forensics = ''
  beforeEach(async () => {
    forensics = await world().workloadToken('forensics')
  })

  /** Asks, and says what that cost Graph. */
  function ask(
    path: string,
    cacheControl: string,
    token?: string,
  ): Promise<{ result: Reply; calls: number }> {
    return costOf(world(), async () => {
      const headers = { 'cache-control': cacheControl }
      const reply = await world().ask(path, token === undefined ? { headers } : { headers, token })
      await untilQuiet(world())
      return reply
    })
  }

  for (const said of [
    'no-cache',
    'no-store',
    'max-age=0',
    'max-age=0, no-cache, no-store',
    'min-fresh=3600',
  ]) {
    test(`${said} is ignored, unless the caller’s rule lets it bypass the cache`, async () => {
      const { path } = placeSession(world())
      await world().ask(path)
      clock.advance(1_000)
      const ignored = await ask(path, said)
      assert.deepEqual([...told(ignored.result), ignored.calls], [200, 'session-gateway; hit; ttl=29', 0])
      const counted = await ask(path, said, forensics)
      const how = said.includes('no-store') ? 'bypass; fwd-status=200' : `request${stored}`
      assert.deepEqual([...told(counted.result), counted.calls], [200, `session-gateway; fwd=${how}`, 1])
      assert.equal(world().records.at(-1)?.['cache'], 'bypass')
      assert.equal(world().records.at(-1)?.['rule'], 'forensics')
    })
  }

  test('what no-cache brought is what everybody gets from then on', async () => {
    const { id, path } = placeSession(world())
    await world().ask(path)
    const created = '2026-01-01T00:00:00Z'
    world().emulator.graph.put('default', {
      id,
      createdDateTime: created,
      lastModifiedDateTime: created,
      displayName: 'renamed',
    })
    assert.equal((await ask(path, 'no-cache', forensics)).result.json.displayName, 'renamed')
    const { result, calls } = await ask(path, '')
    assert.deepEqual([result.json.displayName, calls], ['renamed', 0])
  })

  test('what no-store fetched is not what anybody gets', async () => {
    const { path } = placeSession(world())
    assert.deepEqual(told((await ask(path, 'no-store', forensics)).result), [
      200,
      'session-gateway; fwd=bypass; fwd-status=200',
    ])
    assert.deepEqual(told((await ask(path, '')).result), [200, `session-gateway; fwd=uri-miss${stored}`])
  })

  test('whoever demands no-cache is told of a failure, and nobody else is', async () => {
    const { path } = placeSession(world())
    await world().ask(path)
    world().emulator.fail('graph', { kind: 'status', status: 500 }, 2)
    assert.equal((await ask(path, 'no-cache', forensics)).result.status, 502)
    assert.deepEqual(told((await ask(path, '')).result), [200, 'session-gateway; hit; ttl=30'])
  })

  test('max-age, min-fresh and max-stale are kept to the second', async () => {
    const { path } = placeSession(world())
    await world().ask(path)
    clock.advance(10_000)
    for (const [said, how] of [
      ['max-age=10', 'hit; ttl=20'],
      ['min-fresh=20', 'hit; ttl=20'],
      ['max-age=9', `fwd=request${stored}`],
    ] as const) {
      assert.deepEqual(
        told((await ask(path, said, forensics)).result),
        [200, `session-gateway; ${how}`],
        said,
      )
    }
    clock.advance(40_000)
    for (const [said, how] of [
      ['max-stale=10', 'hit; ttl=-10'],
      ['max-age=60', 'hit; ttl=30'],
    ] as const) {
      // The first one has caused a refresh behind it.
      assert.deepEqual(
        told((await ask(path, said, forensics)).result),
        [200, `session-gateway; ${how}`],
        said,
      )
    }
    clock.advance(30_000 + 60_000)
    assert.deepEqual(told((await ask(path, 'max-stale=59', forensics)).result), [
      200,
      `session-gateway; fwd=stale${stored}`,
    ])
    clock.advance(30_000 + 60_000)
    assert.deepEqual(told((await ask(path, 'max-stale', forensics)).result), [
      200,
      'session-gateway; hit; ttl=-60',
    ])
  })

  test('only-if-cached costs Graph nothing, whoever says it', async () => {
    for (const token of [undefined, forensics]) {
      const { path } = placeSession(world())
      const absent = await ask(path, 'only-if-cached', token)
      assert.deepEqual(
        [...told(absent.result), absent.calls],
        [504, 'session-gateway; detail=only-if-cached', 0],
      )
      assert.equal(absent.result.json.error.code, 'notCached')
      assert.equal(absent.result.headers['cache-control'], 'no-store')
      await world().ask(path)
      clock.advance(40_000)
      const stale = await ask(path, 'only-if-cached', token)
      assert.deepEqual([...told(stale.result), stale.calls], [200, 'session-gateway; hit; ttl=-10', 0])
      clock.advance(60_000)
      assert.equal((await ask(path, 'only-if-cached', token)).result.status, 504)
    }
  })

  test('only-if-cached is no way round the rules: who may not read learns nothing of what is cached', async () => {
    const { path } = placeSession(world())
    await world().ask(path)
    const stranger = await world().workloadToken('stranger')
    assert.equal((await ask(path, 'only-if-cached', stranger)).result.status, 403)
    assert.equal((await ask(`${path}x`, 'only-if-cached', stranger)).result.status, 400)
  })

  test('Pragma is ignored, and what cannot be read is', async () => {
    const { path } = placeSession(world())
    await world().ask(path)
    for (const headers of [{ pragma: 'no-cache' }, { 'cache-control': 'max-age=soon, "no-cache", =' }]) {
      const { result, calls } = await costOf(world(), () => world().ask(path, { headers, token: forensics }))
      assert.deepEqual([...told(result), calls], [200, 'session-gateway; hit; ttl=30', 0])
    }
  })
})

describe('what bypassing may cost', () => {
  const world = sharedWorld({
    clock: createFakeClock(),
    config: {
      access: {
        forensics: {
          callers: [{ issuer: 'cluster', namespace: 'soc', serviceAccount: 'forensics' }],
          workspaces: ['default'],
          mayBypassCache: true,
          rate: '3/m',
        },
      },
    },
  })

  test('is bounded by the rate of the rule', async () => {
    const { path } = placeSession(world())
    const asking = {
      headers: { 'cache-control': 'no-cache' },
      token: await world().workloadToken('forensics'),
    }
    const { result, calls } = await costOf(world(), () =>
      Promise.all(Array.from({ length: 10 }, () => world().ask(path, asking))),
    )
    const statuses = result.map(({ status }) => status).toSorted((a, b) => a - b)
    assert.deepEqual(
      [statuses.slice(0, 3), new Set(statuses.slice(3)), calls],
      [[200, 200, 200], new Set([429]), 3],
    )
  })
})
