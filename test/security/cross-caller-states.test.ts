import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Placed, placeSession } from '../graph/answers.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import type { Asking, Reply, World } from '../world/world.ts'
import { sharedWorld, untilQuiet } from './wire.ts'

const windows = { freshFor: '30s', staleWhileRevalidate: '60s', staleIfError: '10m', maxRetention: '5m' }

/** Everything that an answer says, but for what is its own. */
function said({ status, headers, body }: Reply): unknown {
  const { 'request-id': id, date: _, ...others } = headers
  return [status, others, body.replaceAll(String(id), 'ID').replace(/"date":"[^"]+"/, '"date":""')]
}

const conditions: readonly Asking[] = [
  {},
  { method: 'HEAD' },
  { headers: { 'if-none-match': '*' } },
  { method: 'HEAD', headers: { 'if-none-match': '*' } },
  { headers: { 'cache-control': 'only-if-cached' } },
  { headers: { 'cache-control': 'no-cache, max-age=0' } },
  { headers: { range: 'bytes=0-0', 'if-range': '*' } },
]

describe('a caller without permission learns nothing by asking: the same answer, byte for byte, whether', () => {
  const clock = createFakeClock()
  const world = sharedWorld({ clock, config: { cache: windows } })
  const graph = (): World['emulator']['graph'] => world().emulator.graph

  const denied: readonly (readonly [who: string, token: () => Promise<string | null>])[] = [
    ['nobody', () => Promise.resolve(null)],
    ['a stranger', () => world().workloadToken('stranger')],
    ['who may read two properties', () => world().workloadToken('wallboard')],
    ['who may purge', () => world().workloadToken('ops')],
    ['who has a token for somebody else', () => world().emulator.issuer.token({ sub: 'reader' })],
  ]

  /** What each of them is told, in each way of asking; with the entity tag, where there is one to know. */
  async function told(path: string, etag = '"x"'): Promise<unknown[]> {
    const everything: unknown[] = []
    for (const [who, tokenOf] of denied) {
      const token = await tokenOf()
      for (const asking of [...conditions, { headers: { 'if-none-match': etag } }]) {
        const reply = await world().ask(path, { ...asking, token })
        assert.ok(reply.status === 401 || reply.status === 403, `${who}: ${reply.status}`)
        everything.push(said(reply))
      }
    }
    return everything
  }

  /** Asked of a session that is nowhere: what follows must not differ from it. */
  const ofNothing = (): Promise<unknown[]> => told(placeSession(world()).path)

  /** Brings a session of its own into a state, and puts back what that took. */
  type State = (placed: Placed) => Promise<{ etag?: string; undo?: () => Promise<unknown> } | void>
  const etagOf = (reply: Reply): { etag: string } => ({ etag: String(reply.headers['etag']) })

  const states: readonly (readonly [what: string, state: State])[] = [
    ['nothing is kept', () => Promise.resolve()],
    ['the answer is fresh', async ({ path }) => etagOf(await world().ask(path))],
    [
      'it is stale',
      async ({ path }) => {
        const reply = await world().ask(path)
        clock.advance(40_000)
        return etagOf(reply)
      },
    ],
    [
      'it is a last resort',
      async ({ path }) => {
        const reply = await world().ask(path)
        clock.advance(100_000)
        world().emulator.fail('graph', { kind: 'status', status: 500 }, 2)
        assert.match(String((await world().ask(path)).headers['cache-status']), /detail=graphFailed/)
        return etagOf(reply)
      },
    ],
    [
      'Graph has no such session, and that is kept',
      async ({ id, path }) => {
        graph().remove('default', id)
        assert.equal((await world().ask(path)).status, 404)
      },
    ],
    [
      'Graph has refused it',
      async ({ path }) => {
        world().emulator.fail('graph', { kind: 'status', status: 403 })
        assert.equal((await world().ask(path)).status, 502)
      },
    ],
    [
      'Graph is not to be asked',
      async ({ path }) => {
        world().emulator.fail('graph', { kind: 'status', status: 429, retryAfter: '30' })
        assert.equal((await world().ask(path)).status, 503)
        return {
          undo: async () => {
            clock.advance(31_000)
            assert.equal((await world().ask(placeSession(world()).path)).status, 200)
          },
        }
      },
    ],
    [
      'a trip for it is under way',
      async ({ path }) => {
        const landing = Promise.withResolvers<void>()
        world().emulator.fail('graph', { kind: 'hold', until: landing.promise })
        const calls = graph().calls
        const asked = world().ask(path)
        await world().emulator.reached('graph', calls + 1)
        return {
          undo: async () => {
            landing.resolve()
            const reply = await asked
            assert.deepEqual(
              [reply.status, reply.headers['cache-status']],
              [200, 'session-gateway; fwd=uri-miss; fwd-status=200; stored'],
            )
          },
        }
      },
    ],
    [
      'who had asked for it has left, and a trip is under way',
      async ({ path }) => {
        const landing = Promise.withResolvers<void>()
        world().emulator.fail('graph', { kind: 'hold', until: landing.promise })
        const leaving = new AbortController()
        const calls = graph().calls
        const asked = world().ask(path, { signal: leaving.signal })
        await world().emulator.reached('graph', calls + 1)
        leaving.abort()
        await assert.rejects(asked, { name: 'AbortError' })
        return { undo: () => Promise.resolve(landing.resolve()) }
      },
    ],
  ]

  for (const [what, state] of states) {
    test(what, async () => {
      const expected = await ofNothing()
      const placed = placeSession(world())
      const { etag, undo } = (await state(placed)) ?? {}
      const calls = graph().calls
      assert.deepEqual(await told(placed.path, etag), expected)
      assert.equal(graph().calls, calls, 'what they may not read was asked for')
      await undo?.()
      await untilQuiet(world())
      world().emulator.recover('graph')
    })
  }

  test('what is wrong with the session’s id is told to them all alike, too', async () => {
    const token = await world().workloadToken('stranger')
    for (const path of [`${placeSession(world()).path}x`, `${placeSession(world()).path}?$select=x`]) {
      const reply = await world().ask(path, { token })
      assert.equal(reply.status, 400)
    }
  })
})

describe('who may read two properties', () => {
  const world = sharedWorld()

  test('does not share the trip of one who reads all, nor it theirs', async () => {
    const { emulator } = world()
    const { path } = placeSession(world())
    const landing = Promise.withResolvers<void>()
    emulator.reset()
    emulator.fail('graph', { kind: 'hold', until: landing.promise }, 2)
    const whole = world().ask(path)
    const part = world().ask(`${path}?$select=displayName,id`, {
      token: await world().workloadToken('wallboard'),
    })
    await emulator.reached('graph', 2)
    landing.resolve()
    assert.ok('createdDateTime' in (await whole).json)
    assert.deepEqual(Object.keys((await part).json), ['@odata.context', 'id', 'displayName'])
    assert.notEqual((await whole).headers['etag'], (await part).headers['etag'])
  })

  test('is not confirmed the entity tag of the whole', async () => {
    const { path } = placeSession(world())
    const etag = String((await world().ask(path)).headers['etag'])
    const token = await world().workloadToken('wallboard')
    const headers = { 'if-none-match': etag }
    assert.equal((await world().ask(`${path}?$select=displayName,id`, { token, headers })).status, 200)
  })

  test('gets no more when Graph sends more than was asked, then or later', async () => {
    const { emulator } = world()
    const { path } = placeSession(world())
    const token = await world().workloadToken('wallboard')
    emulator.fail('graph', { kind: 'extra' })
    const reply = await world().ask(`${path}?$select=id`, { token })
    assert.equal(reply.status, 502)
    assert.doesNotMatch(reply.body, /displayName|createdDateTime|placed/)
  })
})
