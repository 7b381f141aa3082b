import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { type Asking, sessionPath, type World } from '../world/world.ts'
import { assertTellsNothing, goodHead, sharedWorld, untilClosed, withoutTls } from './wire.ts'

const displayName = 'API: who am I'

describe('what is in the cache is for those only who may read it', () => {
  const world = sharedWorld()

  /** Callers who may not have the whole session, though somebody has it in the cache. */
  const denied: readonly (readonly [
    who: string,
    status: number,
    token: (world: World) => Promise<string | null>,
  ])[] = [
    ['nobody', 401, async () => null],
    ['a caller whom no rule names', 403, (from) => from.workloadToken('stranger')],
    ['a caller who may read two properties', 403, (from) => from.workloadToken('wallboard')],
    [
      'a caller with a token for somebody else',
      401,
      ({ emulator }) => emulator.issuer.token({ sub: 'reader' }),
    ],
    [
      'a caller with an expired token',
      401,
      ({ emulator }) => emulator.issuer.token({ sub: 'reader' }, { expiresInSeconds: -600 }),
    ],
  ]
  for (const [who, status, tokenOf] of denied) {
    for (const method of ['GET', 'HEAD'] as const) {
      test(`${who} gets ${status} for ${method}, whatever entity tag they know`, async () => {
        const cached = await world().ask()
        const etag = String(cached.headers['etag'])
        assert.match((await world().ask()).headers['cache-status'] as string, /hit/)
        const token = await tokenOf(world())
        const conditions: readonly Asking['headers'][] = [
          {},
          { 'if-none-match': etag },
          { 'if-none-match': '*' },
        ]
        for (const headers of conditions) {
          const reply = await world().ask(sessionPath, { method, token, ...(headers && { headers }) })
          assert.equal(reply.status, status)
          for (const name of ['etag', 'age', 'cache-status'])
            assert.equal(reply.headers[name], undefined, name)
          assert.equal(reply.headers['cache-control'], 'no-store')
          assert.doesNotMatch(reply.body, new RegExp(displayName))
          assertTellsNothing(reply.body)
        }
      })
    }
  }

  test('a caller who may read two properties gets those, and the cached whole answers it nothing more', async () => {
    await world().ask()
    const token = await world().workloadToken('wallboard')
    const reply = await world().ask(`${sessionPath}?$select=displayName`, { token })
    assert.equal(reply.status, 200)
    assert.deepEqual(Object.keys(reply.json).toSorted(), ['@odata.context', 'displayName'])
    assert.equal(
      (await world().ask(`${sessionPath}?$select=displayName,createdDateTime`, { token })).status,
      403,
    )
  })

  test('who may read one workspace gets no hit in another', async () => {
    const token = await world().workloadToken('wallboard')
    const other = sessionPath.replace('default', '17aafe23-ab95-3b37-9546-56dec5ac0218')
    assert.equal((await world().ask(`${other}?$select=id`, { token })).status, 403)
  })

  test('a refusal is not stored: who may read is answered behind it', async () => {
    const path = `${sessionPath}?$select=createdDateTime`
    assert.equal((await world().ask(path, { token: await world().workloadToken('stranger') })).status, 403)
    assert.equal(
      (await world().ask(path)).headers['cache-status'],
      'session-gateway; fwd=uri-miss; fwd-status=200; stored',
    )
  })

  test('two callers who may read are given the same entry, each with its own request-id and echo', async () => {
    const reader = await world().emulator.issuer.token({ sub: 'reader', aud: 'session-gateway.test' })
    const [one, other] = await Promise.all([
      world().ask(sessionPath, { headers: { 'client-request-id': 'one' } }),
      world().ask(sessionPath, { headers: { 'client-request-id': 'other' }, token: reader }),
    ])
    assert.equal(one.body, other.body)
    assert.deepEqual([one.headers['client-request-id'], other.headers['client-request-id']], ['one', 'other'])
    assert.notEqual(one.headers['request-id'], other.headers['request-id'])
  })
})

describe('no secret leaves', () => {
  const world = sharedWorld()

  test('neither in the body nor in the headers of any refusal, nor in a record or a log line', async () => {
    const { emulator, records, logs } = world()
    const token = await world().workloadToken('triage')
    const replies = [
      await world().ask(sessionPath, { token: `${token}x` }),
      await world().ask(sessionPath, { token: 'x.y.z' }),
    ]
    const faults = [
      { kind: 'status', status: 403, message: 'Missing application roles.' },
      { kind: 'html' },
      { kind: 'otherId' },
      { kind: 'truncate' },
      { kind: 'status', status: 400 },
    ] as const
    for (const [at, fault] of faults.entries()) {
      emulator.fail('graph', fault)
      const select = ['id', 'displayName', 'createdDateTime', 'lastModifiedDateTime', 'id,displayName'][at]
      const reply = await world().ask(`${sessionPath}?$select=${select}`, { token })
      assert.equal(reply.status, 502, fault.kind)
      replies.push(reply)
    }
    const told = replies.map(({ body, headers }) => body + JSON.stringify(headers)).join('\n')
    assertTellsNothing(told)
    assert.doesNotMatch(
      told,
      new RegExp(
        `${emulator.entra.clientSecret}|${new URL(emulator.url).host}|application roles|${displayName}`,
      ),
    )
    const kept = JSON.stringify([records, logs])
    for (const secret of [
      token,
      token.split('.')[2],
      emulator.entra.clientSecret,
      emulator.cluster.podToken,
      displayName,
    ]) {
      assert.ok(!kept.includes(String(secret)), String(secret).slice(0, 12))
    }
    const graphToken = emulator.graph.requests[0]?.rawHeaders.find((value) => value.startsWith('Bearer '))
    assert.ok(graphToken !== undefined && !kept.includes(graphToken.slice(7)))
  })
})

describe('client-request-id', () => {
  const world = sharedWorld(withoutTls)
  /** Raw, since no client would send most of these. */
  async function echoOf(value: string): Promise<{ echo: string | undefined; recorded: unknown }> {
    const head = await goodHead(world())
    const found = await untilClosed(
      world(),
      `${head}client-request-id: ${value}\r\nConnection: close\r\n\r\n`,
    )
    assert.equal(found.length, 1)
    assert.equal(found[0]?.status, 200)
    return {
      echo: found[0]?.headers['client-request-id'],
      recorded: world().records.at(-1)?.['clientRequestId'],
    }
  }

  test('a tame one of up to 64 characters is repeated and recorded', async () => {
    for (const value of ['3f2504e0-4f89-11d3-9a0c-0305e82c3301', 'a', 'A.b_c-9', 'x'.repeat(64)]) {
      assert.deepEqual(await echoOf(value), { echo: value, recorded: value })
    }
  })

  test('a long, empty or odd one is treated as absent', async () => {
    const odd = [
      'x'.repeat(65),
      '',
      'a b',
      'a,b',
      'a"b',
      '<b>',
      'a%0d%0aX: y',
      'a\tb',
      'caf\xe9',
      'a;b',
      '{}',
      "'--",
      'a\x80',
    ]
    for (const value of odd)
      assert.deepEqual(await echoOf(value), { echo: undefined, recorded: undefined }, value)
  })

  test('one that is sent twice is treated as absent', async () => {
    assert.deepEqual(await echoOf('a\r\nclient-request-id: b'), { echo: undefined, recorded: undefined })
  })

  test('no value puts a header or a second answer into the answer', async () => {
    const head = await goodHead(world())
    const bytes = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 100 })
    await fc.assert(
      fc.asyncProperty(bytes, async (value) => {
        const found = await untilClosed(
          world(),
          `${head}client-request-id: ${value.replaceAll(/[\r\n]/g, '')}\r\nConnection: close\r\n\r\n`,
        )
        assert.equal(found.length, 1)
        const { status, headers } = found[0] ?? {}
        assert.ok(status === 200 || status === 400)
        const echo = headers?.['client-request-id']
        assert.ok(echo === undefined || (echo === value.trim() && /^[A-Za-z0-9._-]{1,64}$/.test(echo)))
      }),
      { numRuns: 150 },
    )
  })
})
