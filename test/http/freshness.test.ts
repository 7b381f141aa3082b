import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import { sessionPath, workspacePath } from '../world/world.ts'
import { sharedWorld } from '../security/wire.ts'

const miss = 'session-gateway; fwd=uri-miss; fwd-status=200; stored'

/** What the caller is told of the answer's age, and how often Graph was asked for it. */
interface Told {
  readonly status: number
  readonly cache: unknown
  readonly age: unknown
  readonly calls: number
}

describe('an answer is as fresh as the operator says, to the second', () => {
  const clock = createFakeClock()
  const windows = { freshFor: '30s', notFoundFor: '5s', staleWhileRevalidate: '0s', staleIfError: '1h' }
  const world = sharedWorld({ clock, config: { cache: windows } })

  async function ask(path: string): Promise<Told> {
    const { graph } = world().emulator
    const before = graph.calls
    const { status, headers } = await world().ask(path)
    return { status, cache: headers['cache-status'], age: headers['age'], calls: graph.calls - before }
  }
  const hit = (status: number, ttl: number, age: number): Told => ({
    status,
    cache: `session-gateway; hit; ttl=${ttl}`,
    age: String(age),
    calls: 0,
  })

  test('a 200 counts up its age and down its ttl, and is asked for again once it is over', async () => {
    const path = `${sessionPath}?$select=id`
    assert.deepEqual(await ask(path), { status: 200, cache: miss, age: undefined, calls: 1 })
    assert.deepEqual(await ask(path), hit(200, 30, 0))
    clock.advance(999)
    assert.deepEqual(await ask(path), hit(200, 30, 0))
    clock.advance(1)
    assert.deepEqual(await ask(path), hit(200, 29, 1))
    clock.advance(28_999)
    assert.deepEqual(await ask(path), hit(200, 1, 29))
    clock.advance(1)
    const stale = 'session-gateway; fwd=stale; fwd-status=200; stored'
    assert.deepEqual(await ask(path), { status: 200, cache: stale, age: undefined, calls: 1 })
    assert.deepEqual(await ask(path), hit(200, 30, 0))
  })

  test('a 404 of Graph is kept for its own, shorter time', async () => {
    const session = { id: randomUUID(), createdDateTime: '', lastModifiedDateTime: '', displayName: null }
    const path = `${workspacePath}/sessions/${session.id}`
    const cache = 'session-gateway; fwd=uri-miss; fwd-status=404; stored'
    assert.deepEqual(await ask(path), { status: 404, cache, age: undefined, calls: 1 })
    world().emulator.graph.put('default', session)
    clock.advance(4_999)
    assert.deepEqual(await ask(path), hit(404, 1, 4))
    clock.advance(1)
    assert.deepEqual(await ask(path), { status: 200, cache: miss, age: undefined, calls: 1 })
  })

  test('a session that Graph no longer has takes its 200 with it', async () => {
    const session = { id: randomUUID(), createdDateTime: '', lastModifiedDateTime: '', displayName: null }
    const path = `${workspacePath}/sessions/${session.id}`
    world().emulator.graph.put('default', session)
    assert.equal((await ask(path)).status, 200)
    world().emulator.graph.remove('default', session.id)
    assert.deepEqual(await ask(path), hit(200, 30, 0))
    clock.advance(30_000)
    assert.equal((await ask(path)).status, 404)
    assert.deepEqual(await ask(path), hit(404, 5, 0))
  })

  for (const [status, code] of [
    [404, 'ResourceNotFound'],
    [410, 'Gone'],
  ] as const) {
    test(`Graph’s ${status} keeps its status and code, in our envelope, and is not ours to explain`, async () => {
      const path = `${workspacePath}/sessions/${randomUUID()}`
      world().emulator.fail('graph', { kind: 'status', status, code, message: 'Graph’s own words' })
      for (const age of [undefined, '0']) {
        const {
          status: got,
          headers,
          json,
        } = await world().ask(path, { headers: { 'client-request-id': 'mine' } })
        assert.deepEqual([got, json.error.code, headers['age']], [status, code, age])
        assert.equal(json.error.innerError['request-id'], headers['request-id'])
        assert.equal(json.error.innerError['client-request-id'], 'mine')
        assert.equal(headers['proxy-status'], undefined)
        assert.equal(headers['cache-control'], 'no-store')
      }
    })
  }
})
