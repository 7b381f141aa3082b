import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sessionPath, type World } from '../world/world.ts'
import { sharedWorld, until, untilQuiet } from '../security/wire.ts'

const pathTo = (property: string): string => `${sessionPath}?$select=${property}`

/** Polls until so many requests wait for their answers. */
async function untilWaiting(world: World, requests: number): Promise<void> {
  const wanted = new RegExp(`^session_gateway_requests_in_flight ${requests}$`, 'm')
  await until(`${requests} waiting`, async () => wanted.test((await world.manage('/metrics')).body))
}

/** Graph answers once `land` is called, and not before. */
function holdGraph(world: World): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  world.emulator.reset()
  world.emulator.fail('graph', { kind: 'hold', until: promise })
  return resolve
}

describe('callers who ask the same at once', () => {
  const world = sharedWorld()

  test('share one trip: the first is told of a miss, the others that they were collapsed', async () => {
    const land = holdGraph(world())
    const asked = Array.from({ length: 5 }, () => world().ask(pathTo('id')))
    await untilWaiting(world(), 5)
    land()
    const replies = await Promise.all(asked)
    const told = replies.map(({ headers }) => String(headers['cache-status'])).toSorted()
    assert.deepEqual(told, [
      ...Array<string>(4).fill('session-gateway; fwd=uri-miss; fwd-status=200; collapsed'),
      'session-gateway; fwd=uri-miss; fwd-status=200; stored',
    ])
    const ages = replies.map(({ headers }) => headers['age'])
    assert.deepEqual(
      [ages.filter((age) => age === '0').length, ages.filter((age) => age === undefined).length],
      [4, 1],
    )
    assert.equal(new Set(replies.map(({ body }) => body)).size, 1)
    assert.equal(world().emulator.graph.calls, 1)
  })

  test('share a failure, too, and the next one asks anew', async () => {
    const path = pathTo('displayName')
    const { promise, resolve } = Promise.withResolvers<void>()
    world().emulator.reset()
    world().emulator.fail('graph', { kind: 'hold', until: promise })
    const asked = Array.from({ length: 3 }, () => world().ask(path))
    await untilWaiting(world(), 3)
    world().emulator.graph.remove('default', 'ecdfb9b3-58f5-457f-a18c-4a477890b252')
    resolve()
    for (const { status } of await Promise.all(asked)) assert.equal(status, 404)
    assert.equal(world().emulator.graph.calls, 1)
  })
})

describe('a caller who leaves', () => {
  const world = sharedWorld()

  /** The records since then of requests whose callers left. */
  const left = (since: number): number =>
    world()
      .records.slice(since)
      .filter(({ status }) => status === 499).length

  test('takes only its own wait with it: who joined gets the answer, and the record says 499', async () => {
    const since = world().records.length
    const land = holdGraph(world())
    const leaving = new AbortController()
    const leaver = world().ask(pathTo('id'), { signal: leaving.signal })
    await world().emulator.reached('graph', 1)
    const follower = world().ask(pathTo('id'))
    await untilWaiting(world(), 2)
    leaving.abort()
    await assert.rejects(leaver, { name: 'AbortError' })
    await untilWaiting(world(), 1)
    land()
    const reply = await follower
    assert.equal(reply.status, 200)
    assert.equal(reply.headers['cache-status'], 'session-gateway; fwd=uri-miss; fwd-status=200; collapsed')
    await untilQuiet(world())
    assert.equal(left(since), 1)
    const record = world().records.find(({ status }) => status === 499)
    assert.deepEqual([record?.['refusal'], record?.['subject'] !== undefined], ['callerLeft', true])
    assert.equal(world().emulator.graph.calls, 1)
  })

  test('leaves the answer behind for the next one, though nobody waited for it', async () => {
    const since = world().records.length
    const land = holdGraph(world())
    const leaving = new AbortController()
    const leaver = world().ask(pathTo('displayName'), { signal: leaving.signal })
    await world().emulator.reached('graph', 1)
    leaving.abort()
    await assert.rejects(leaver, { name: 'AbortError' })
    await untilWaiting(world(), 0)
    land()
    await untilQuiet(world())
    assert.equal(left(since), 1)
    assert.match(String((await world().ask(pathTo('displayName'))).headers['cache-status']), /; hit;/)
    assert.equal(world().emulator.graph.calls, 1)
  })
})
