import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { placeSession } from '../graph/answers.ts'
import { answers, sendRaw } from '../world/raw.ts'
import { type Asking, sessionPath, type World } from '../world/world.ts'
import { assertTellsNothing, readAnswers, sharedWorld, until, wireTo } from './wire.ts'

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

describe('on one connection', () => {
  const world = sharedWorld()

  test('each request stands for itself: what came with the last one’s token lends nothing to the next', async () => {
    const { path } = placeSession(world())
    const head = (token?: string): string =>
      `GET ${path} HTTP/1.1\r\nHost: gateway\r\n${token === undefined ? '' : `Authorization: Bearer ${token}\r\n`}\r\n`
    const good = await world().workloadToken('triage')
    const bytes = [
      head(),
      head(good),
      head(),
      head(await world().workloadToken('stranger')),
      head(good),
      head('x'),
    ]
    for (const written of [bytes, bytes.join('')]) {
      const { text } = await sendRaw(written, { ...wireTo(world()), until: answers(6) })
      const found = readAnswers(text)
      assert.deepEqual(
        found.map(({ status }) => status),
        [401, 200, 401, 403, 200, 401],
      )
      for (const { status, headers } of found) assert.equal(headers['etag'] !== undefined, status === 200)
    }
  })

  test('who leaves in the middle of an answer leaves nothing of it to whoever comes next', async () => {
    const { emulator } = world()
    const { path } = placeSession(world())
    const landing = Promise.withResolvers<void>()
    emulator.reset()
    emulator.fail('graph', { kind: 'hold', until: landing.promise })
    const leaving = new AbortController()
    const asked = world().ask(path, { signal: leaving.signal })
    await emulator.reached('graph', 1)
    leaving.abort()
    await assert.rejects(asked, { name: 'AbortError' })
    landing.resolve()
    await until('it is kept', async () =>
      /; hit;/.test(String((await world().ask(path)).headers['cache-status'])),
    )
    const other = placeSession(world())
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, turn) => world().ask(turn % 2 === 0 ? other.path : path)),
    )
    for (const [turn, { json }] of replies.entries()) {
      assert.equal(json.id, turn % 2 === 0 ? other.id : path.slice(-36))
    }
  })
})
