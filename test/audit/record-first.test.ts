import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { audience, type Reply, sessionPath, startWorld, type World } from '../world/world.ts'
import { createHeldSink, type HeldSink } from './held-sink.ts'

interface Held extends HeldSink {
  readonly world: World
}

async function heldWorld(config = {}): Promise<Held & AsyncDisposable> {
  const held = createHeldSink()
  const world = await startWorld({ auditSink: held.sink, config })
  return {
    ...held,
    world,
    async [Symbol.asyncDispose]() {
      held.flow()
      await world[Symbol.asyncDispose]()
    },
  }
}

/** Of somebody whose every name is as long as it may be, in characters that the trail writes as escapes. */
function longToken({ emulator }: World): Promise<string> {
  const long = 'é'.repeat(256)
  const names = { namespace: long, serviceAccount: long, pod: long }
  return emulator.issuer.serviceAccountToken({ ...names, audience, claims: { jti: long } })
}

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => void setImmediate(resolve))
}

async function pendingBytes(world: World): Promise<number> {
  const { body } = await world.manage('/metrics')
  return Number(/^session_gateway_audit_pending_bytes (\d+)$/m.exec(body)?.[1])
}

describe('an answer and its record', () => {
  for (const [what, path, status] of [
    ['a session', sessionPath, 200],
    ['a refusal', `${sessionPath}?$filter=x`, 400],
    ['what Graph has not', sessionPath.replace('ecdfb9b3', 'ecdfb9b4'), 404],
  ] as const) {
    test(`${what} does not leave before its record has been taken`, async () => {
      await using held = await heldWorld()
      const { world, batches } = held
      let reply: Reply | undefined
      const asked = world.ask(path).then((answer) => (reply = answer))
      await held.written(1)
      assert.equal((await world.manage('/livez')).status, 200)
      assert.equal(reply, undefined, 'the record is being written, and the answer waits')
      held.take()
      const { status: answered, headers } = await asked
      assert.equal(answered, status)
      assert.equal(JSON.parse(batches[0] ?? '').requestId, headers['request-id'])
      assert.equal(JSON.parse(batches[0] ?? '').status, status)
    })
  }

  test('a record that cannot be handed over turns its answer into a 503, cached or not', async () => {
    await using held = await heldWorld()
    const { world } = held
    for (const count of [1, 2]) {
      const asked = world.ask()
      await held.written(count)
      held.take(new Error('EPIPE'))
      const reply = await asked
      assert.equal(reply.status, 503)
      assert.equal(reply.json.error.code, 'auditUnavailable')
      assert.equal(reply.headers['retry-after'], '1')
      assert.equal(reply.headers['etag'], undefined)
      assert.doesNotMatch(reply.body, /EPIPE|createdDateTime/)
    }
    const unready = await world.manage('/readyz')
    assert.equal(unready.status, 503)
    assert.deepEqual(unready.json.degraded, ['audit: the audit sink failed: EPIPE'])
    held.flow()
    assert.equal((await world.ask()).status, 200)
    assert.equal((await world.manage('/readyz')).status, 200)
  })

  test('a sink that takes nothing costs the answers, not the process, and it recovers by itself', async () => {
    await using held = await heldWorld()
    const { world } = held
    const warm = world.ask()
    await held.written(1)
    held.take()
    assert.equal((await warm).status, 200)

    const token = await longToken(world)
    const strangers = Array.from({ length: 600 }, () => world.ask(sessionPath, { token }))
    const bound = 4 * 1024 * 1024
    await until(async () => (await pendingBytes(world)) > bound - 16 * 1024)
    const replies: Reply[] = []
    const asked = Array.from({ length: 40 }, async () => void replies.push(await world.ask()))
    await until(() => replies.length >= 10)
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([503]))
    assert.equal(replies[0]?.json.error.code, 'auditUnavailable')
    assert.ok((await pendingBytes(world)) <= bound, 'no more than the bound waits')
    assert.equal((await world.manage('/livez')).status, 200)
    const unready = await world.manage('/readyz')
    assert.deepEqual(
      [unready.status, unready.json.degraded],
      [503, ['audit: the audit sink does not keep up']],
    )

    held.flow()
    await Promise.all(asked)
    const strangersReplies = await Promise.all(strangers)
    assert.deepEqual(new Set(strangersReplies.map(({ status }) => status)), new Set([403, 503]))
    await until(async () => (await pendingBytes(world)) === 0)
    assert.equal((await world.manage('/readyz')).status, 200)
    assert.equal((await world.ask()).status, 200)
    const recorded = held.batches.join('').trimEnd().split('\n').length
    const answered = [...replies, ...strangersReplies].filter(({ status }) => status !== 503).length
    assert.equal(recorded, answered + 2, 'a record for each answer, none for a 503')
  })
})
