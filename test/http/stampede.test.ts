import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { placeSession } from '../graph/answers.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import type { Reply } from '../world/world.ts'
import { sharedWorld, until, untilQuiet } from '../security/wire.ts'

const [callers, keys, wave] = [1_000, 20, 100]

describe(`${callers} callers at once, over ${keys} sessions,`, () => {
  const clock = createFakeClock()
  const windows = { freshFor: '30s', staleWhileRevalidate: '0s', staleIfError: '10m' }
  // Without TLS: a thousand handshakes at once are work for the machine, and not what this is about.
  const world = sharedWorld({ clock, config: { cache: windows, server: { tls: 'off' } } })

  const place = (): string[] => Array.from({ length: keys }, () => placeSession(world()).path)
  const askAll = (paths: readonly string[], count = callers): Promise<Reply>[] =>
    Array.from({ length: count }, (_, n) => world().ask(paths[n % keys]))

  async function untilWaiting(count: number): Promise<void> {
    const wanted = new RegExp(`^session_gateway_requests_in_flight ${count}$`, 'm')
    await until(`${count} waiting`, async () => wanted.test((await world().manage('/metrics')).body))
  }

  /** All of them wait in the end. In waves, since a thousand connections at once are more than a machine may take. */
  async function askInWaves(paths: readonly string[], alreadyWaiting: number): Promise<Promise<Reply>[]> {
    const asked: Promise<Reply>[] = []
    while (asked.length < callers) {
      asked.push(...askAll(paths, wave))
      await untilWaiting(alreadyWaiting + asked.length)
    }
    return asked
  }

  /** Graph answers nothing until this is called. */
  function holdGraph(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    world().emulator.fail('graph', { kind: 'hold', until: promise }, keys)
    return resolve
  }

  test(`cost ${keys} calls`, async () => {
    const paths = place()
    const land = holdGraph()
    const { calls } = world().emulator.graph
    const asked = await askInWaves(paths, 0)
    land()
    const replies = await Promise.all(asked)
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]))
    for (const [n, { body }] of replies.entries()) {
      const id = paths[n % keys]?.split('/').at(-1)
      assert.ok(id !== undefined && body.includes(id), 'another session’s answer')
    }
    assert.equal(world().emulator.graph.calls - calls, keys)
  })

  test(`cost ${keys} calls, though the first caller of each hangs up`, async () => {
    const paths = place()
    const land = holdGraph()
    const { graph } = world().emulator
    const { calls } = graph
    const leaving = new AbortController()
    const first = paths.map((path) =>
      assert.rejects(world().ask(path, { signal: leaving.signal }), { name: 'AbortError' }),
    )
    await world().emulator.reached('graph', calls + keys)
    const asked = await askInWaves(paths, keys)
    leaving.abort()
    await Promise.all(first)
    await untilWaiting(callers)
    land()
    for (const { status, headers } of await Promise.all(asked)) {
      assert.deepEqual(
        [status, headers['cache-status']],
        [200, 'session-gateway; fwd=uri-miss; fwd-status=200; collapsed'],
      )
    }
    assert.equal(graph.calls - calls, keys)
  })

  test('get what is kept, every one of them, while Graph answers 503', async () => {
    const paths = place()
    await Promise.all(askAll(paths, keys))
    clock.advance(100_000)
    const { emulator } = world()
    emulator.fail('graph', { kind: 'status', status: 503 }, Infinity)
    const { calls } = emulator.graph
    const replies = await Promise.all(askAll(paths))
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]))
    for (const { headers } of replies) {
      assert.match(
        String(headers['cache-status']),
        /^session-gateway; fwd=stale; .*detail=graph(Failed|Throttled)$/,
      )
    }
    // Each key once, with its retry, at most; and the gate shuts before that.
    assert.ok(emulator.graph.calls - calls <= 2 * keys, String(emulator.graph.calls - calls))
    emulator.recover('graph')
    await untilQuiet(world())
  })
})
