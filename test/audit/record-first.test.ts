import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { describe, test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import { recordsIn } from '../world/recorded.ts'
import {
  audience,
  type Reply,
  sessionId,
  sessionPath,
  startWorld,
  type World,
  type WorldOptions,
} from '../world/world.ts'
import { createHeldSink, type HeldSink } from './held-sink.ts'

interface Held extends HeldSink {
  readonly world: World
}

/** Without a chain, whose first record would be one more to take. */
async function heldWorld(options: WorldOptions = {}): Promise<Held & AsyncDisposable> {
  const held = createHeldSink()
  const world = await startWorld({ auditSink: held.sink, config: { audit: { chain: false } }, ...options })
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
  return emulator.issuer.token({ sub: long, jti: long, aud: audience })
}

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => void setImmediate(resolve))
}

async function metric(world: World, name: string): Promise<number> {
  const { body } = await world.manage('/metrics')
  return Number(new RegExp(`^session_gateway_${name} (\\d+)$`, 'm').exec(body)?.[1])
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
      assert.partialDeepStrictEqual(recordsIn(batches[0] ?? ''), [
        { requestId: headers['request-id'], status },
      ])
    })
  }

  test('a sink that is stuck costs new requests a quick 503, and the held ones nothing once it goes on', async () => {
    const clock = createFakeClock()
    await using held = await heldWorld({ clock })
    const { world } = held
    const warm = world.ask()
    await held.written(1)
    held.take()
    assert.equal((await warm).status, 200)
    const waiting = world.ask()
    await held.written(2)
    assert.equal((await world.manage('/readyz')).status, 200)

    clock.advance(1_000)
    for (const token of [undefined, null, 'x']) {
      const reply = await world.ask(sessionPath, token === undefined ? {} : { token })
      assert.equal(reply.status, 503)
      assert.equal(reply.json.error.code, 'auditUnavailable')
      assert.equal(reply.headers['retry-after'], '1')
      assert.equal(reply.headers['etag'], undefined)
      assert.doesNotMatch(reply.body, /takes nothing|createdDateTime/)
    }
    const unready = await world.manage('/readyz')
    assert.deepEqual([unready.status, unready.json.degraded], [503, ['audit: the audit sink takes nothing']])
    assert.equal((await world.manage('/livez')).status, 200)
    assert.deepEqual(
      [await metric(world, 'audit_blocked'), await metric(world, 'audit_refused_total')],
      [1, 3],
    )

    held.flow()
    assert.equal((await waiting).status, 200)
    assert.equal((await world.manage('/readyz')).status, 200)
    assert.equal((await world.ask()).status, 200)
    assert.equal(await metric(world, 'audit_blocked'), 0)
    clock.advance(1_000)
    await until(() => held.batches.join('').includes('audit.requests.refused'))
    assert.ok(!recordsIn(held.batches.join('')).some(({ refusal }) => refusal === 'auditUnavailable'))
    const refused = held.batches
      .join('')
      .split('\n')
      .find((line) => line.includes('audit.requests.refused'))
    assert.equal(JSON.parse(refused ?? '').count, 3)
    const messages = world.logs.map(({ msg, reason, missed }) => [msg, reason ?? missed])
    assert.ok(
      messages.some(
        ([msg, why]) => /cannot be written/.test(String(msg)) && why === 'the audit sink takes nothing',
      ),
    )
    assert.ok(messages.some(([msg, missed]) => msg === 'records are written again' && missed === 3))
  })

  test('an answer that has waited half a minute is withheld, and its record followed by another that says so', async () => {
    const clock = createFakeClock()
    await using held = await heldWorld({ clock })
    const { world } = held
    const asked = world.ask()
    await held.written(1)
    clock.advance(30_000)
    const reply = await asked
    assert.deepEqual([reply.status, reply.json.error.code], [503, 'auditUnavailable'])
    held.flow()
    await held.written(2)
    const records = recordsIn(held.batches.join(''))
    assert.deepEqual(
      records.map(({ requestId, status, refusal, withheld }) => [requestId, status, refusal, withheld]),
      [
        [reply.headers['request-id'], 200, undefined, undefined],
        [reply.headers['request-id'], 503, 'auditUnavailable', true],
      ],
    )
  })

  test('a caller who leaves while the record is being written is on record as that', async () => {
    await using held = await heldWorld()
    const { world } = held
    const leaving = new AbortController()
    const asked = world.ask(sessionPath, { signal: leaving.signal })
    await held.written(1)
    leaving.abort()
    await assert.rejects(asked)
    // The gateway has seen it when nothing is in flight on the connection any more.
    await until(async () => (await metric(world, 'requests_in_flight')) === 0)
    held.take()
    await held.written(2)
    const [first, second] = recordsIn(held.batches.join(''))
    assert.partialDeepStrictEqual(first, { status: 200 })
    assert.partialDeepStrictEqual(second, {
      requestId: first?.['requestId'],
      status: 499,
      refusal: 'callerLeft',
      withheld: true,
      session: first?.['session'],
    })
  })

  test('a sink that takes nothing costs the answers, not the process: no more than 4 MiB of records wait', async () => {
    const config = { audit: { chain: false }, server: { tls: 'off' } }
    await using held = await heldWorld({ clock: createFakeClock(), config })
    const { world } = held
    const token = await longToken(world)
    const strangers: Promise<Reply>[] = []
    const bound = 4 * 1024 * 1024
    while ((await metric(world, 'audit_pending_bytes')) < bound - 16 * 1024) {
      strangers.push(...Array.from({ length: 20 }, () => world.ask(sessionPath, { token })))
      // In waves: their connections are made one after another.
      await until(
        async () =>
          (await metric(world, 'requests_in_flight')) + (await metric(world, 'audit_refused_total')) >=
          strangers.length,
      )
    }
    const replies = await Promise.all(Array.from({ length: 40 }, () => world.ask()))
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([503]))
    assert.equal(replies[0]?.json.error.code, 'auditUnavailable')
    assert.ok((await metric(world, 'audit_pending_bytes')) <= bound, 'no more than the bound waits')
    assert.equal((await world.manage('/livez')).status, 200)
    const unready = await world.manage('/readyz')
    assert.deepEqual(
      [unready.status, unready.json.degraded],
      [503, ['audit: the audit sink does not keep up']],
    )

    held.flow()
    const strangersReplies = await Promise.all(strangers)
    assert.deepEqual(new Set(strangersReplies.map(({ status }) => status)), new Set([403, 503]))
    await until(async () => (await metric(world, 'audit_pending_bytes')) === 0)
    assert.equal((await world.manage('/readyz')).status, 200)
    assert.equal((await world.ask()).status, 200)
    const recorded = recordsIn(held.batches.join(''))
    const answered = strangersReplies.filter(({ status }) => status !== 503).length
    assert.equal(recorded.length, answered + 1, 'a record for each answer, none for a 503')
    assert.ok(!recorded.some(({ withheld }) => withheld === true), 'what has no record is not corrected')
  })

  test('with best-effort answers leave though nothing is taken, and the replica stays ready', async () => {
    const config = { audit: { chain: false, delivery: 'best-effort' } }
    const clock = createFakeClock()
    await using held = await heldWorld({ clock, config })
    const { world } = held
    assert.equal((await world.ask()).status, 200)
    await held.written(1)
    clock.advance(60_000)
    assert.equal((await world.ask()).status, 200)
    const ready = await world.manage('/readyz')
    assert.deepEqual([ready.status, ready.json.degraded], [200, ['audit: the audit sink takes nothing']])
    held.flow()
    await held.written(2)
    assert.equal(recordsIn(held.batches.join('')).length, 2)
  })
})

test('no record is longer than 8 KiB, whatever a caller may bring', async () => {
  let longest = 0
  const sink = new Writable({
    decodeStrings: false,
    write(batch: string, _encoding, done) {
      for (const line of batch.split('\n')) longest = Math.max(longest, line.length)
      done()
    },
  })
  const names = Array.from({ length: 8 }, (_, n) => `${'p'.repeat(63)}${n}`)
  const long = '🤖'.repeat(128)
  await using world = await startWorld({
    auditSink: sink,
    config: {
      graph: { selectable: names },
      access: {
        ['r'.repeat(63)]: { callers: [{ issuer: 'oidc', subject: 'é*' }], workspaces: ['*'] },
        wallboard: { select: [names[0]] },
      },
    },
  })
  const select = `?$select=${names.join(',')}`
  const path = `/beta/security/securityCopilot/workspaces/${'w'.repeat(64)}/sessions/${sessionId}${select}`
  const headers = { 'client-request-id': 'c'.repeat(64) }
  const k8s = { namespace: 'n'.repeat(63), serviceAccount: 's'.repeat(253) }
  const bound = {
    'kubernetes.io': {
      namespace: k8s.namespace,
      serviceaccount: { name: k8s.serviceAccount },
      pod: { name: 'p'.repeat(253), uid: 'u'.repeat(64) },
    },
  }
  const { issuer } = world.emulator
  const tokens = await Promise.all([
    issuer.token({ sub: 'é'.repeat(256), jti: long, aud: audience }),
    issuer.token({ sub: 'ü'.repeat(256), jti: long, aud: audience }),
    issuer.serviceAccountToken({ ...k8s, audience, claims: { jti: long, ...bound } }),
    issuer.token({ sub: 'reader', aud: long.repeat(2) }),
    issuer.token({ sub: 'reader', iss: `https://${'ü'.repeat(1_500)}`, aud: audience }),
  ])
  const faults = [{ kind: 'status', status: 403, code: 'x' }, { kind: 'html' }, { kind: 'reset' }] as const
  const statuses = new Set<number>()
  for (const token of tokens) {
    for (const fault of faults) {
      world.emulator.fail('graph', fault)
      statuses.add((await world.ask(path, { token, headers })).status)
      statuses.add((await world.ask(path, { token, headers, method: 'OPTIONS' })).status)
    }
  }
  await world.gateway.drain()
  assert.ok(statuses.has(401) && statuses.has(403) && statuses.has(502), [...statuses].join())
  assert.ok(longest > 4 * 1024, String(longest))
  assert.ok(longest <= 8 * 1024, String(longest))
})
