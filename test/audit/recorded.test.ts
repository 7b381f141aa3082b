import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import { sendRaw } from '../world/raw.ts'
import { faultsOfEvent } from './ocsf.ts'
import { type Line, sessionId, sessionPath, startWorld } from '../world/world.ts'

describe('the record of', async () => {
  const world = await startWorld({
    clock: createFakeClock(),
    config: {
      access: {
        wallboard: { rate: '1/m' },
        foreign: { callers: [{ issuer: 'oidc', subject: 'Zoë 😀' }], workspaces: ['default'] },
      },
    },
  })
  after(() => world[Symbol.asyncDispose]())
  const { emulator, records } = world
  const triage = {
    issuer: 'cluster',
    subject: 'system:serviceaccount:soc:triage',
    namespace: 'soc',
    serviceAccount: 'triage',
    pod: 'triage-6c9f7d5b8-x2k4q',
  }
  const other = '2f5b8a1e-9c34-4d27-8e60-71d3b0a4c915'
  const missing = '00000000-0000-4000-8000-000000000000'
  const graphRequestId = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'
  const asked = (session: string): Line => ({ workspace: 'default', session, select: ['*'], rule: 'triage' })
  const path = (session: string): string => sessionPath.replace(sessionId, session)

  /** Our client-request-id on the newest call that Graph has seen. */
  function newestTrip(): string {
    const { rawHeaders = [] } = emulator.graph.requests.at(-1) ?? {}
    return rawHeaders[rawHeaders.indexOf('client-request-id') + 1] ?? ''
  }

  /** The record of that request without what differs each time, once that has been checked. */
  async function recorded(requestId: unknown, expected: Line = {}): Promise<Line> {
    const record = await world.recordOf(requestId)
    const { action, time, duration, requestId: ours, peer, method, tokenId, podUid, ...rest } = record
    assert.deepEqual(
      [action, ours, peer, method],
      ['read', requestId, '127.0.0.1', expected['method'] ?? 'GET'],
    )
    assert.ok(Math.abs(time - Date.now()) < 60_000)
    assert.ok(Number.isInteger(duration) && duration >= 0)
    if (rest['namespace'] !== undefined) {
      for (const uuid of [tokenId, podUid]) assert.match(uuid, /^[0-9a-f-]{36}$/)
    }
    return rest
  }

  test('a miss, a hit and a 304 name the trip that filled the entry', async () => {
    const body = `{"@odata.context":"c","id":"${sessionId}","displayName":null}`
    const headers = { 'Content-Type': 'application/json', 'request-id': graphRequestId }
    emulator.fail('graph', { kind: 'body', status: 200, headers, body })
    const miss = await world.ask(sessionPath, { headers: { 'client-request-id': 'mine-1' } })
    const trip = { graphClientRequestId: newestTrip(), graphRequestId }
    assert.match(trip.graphClientRequestId, /^[0-9a-f-]{36}$/)
    assert.deepEqual(await recorded(miss.headers['request-id']), {
      ...triage,
      ...asked(sessionId),
      clientRequestId: 'mine-1',
      status: 200,
      cache: 'miss',
      ...trip,
    })

    const hit = await world.ask(sessionPath)
    assert.deepEqual(await recorded(hit.headers['request-id']), {
      ...triage,
      ...asked(sessionId),
      status: 200,
      cache: 'hit',
      ...trip,
    })

    const unchanged = await world.ask(sessionPath, {
      headers: { 'if-none-match': String(hit.headers['etag']) },
    })
    assert.equal(unchanged.status, 304)
    assert.deepEqual(await recorded(unchanged.headers['request-id']), {
      ...triage,
      ...asked(sessionId),
      status: 304,
      cache: 'hit',
      ...trip,
    })
  })

  test('a caller who joined another’s trip names that trip, and a caller who left is there with 499', async () => {
    await world.ask()
    const landing = Promise.withResolvers<void>()
    emulator.fail('graph', { kind: 'hold', until: landing.promise })
    const calls = emulator.graph.calls
    const leaving = new AbortController()
    const left = world.ask(path(other), { signal: leaving.signal })
    await emulator.reached('graph', calls + 1)
    const joined = world.ask(path(other))
    let inFlight = 0
    while (inFlight < 2) {
      const { body } = await world.manage('/metrics')
      inFlight = Number(/^session_gateway_requests_in_flight (\d+)$/m.exec(body)?.[1])
    }
    const before = records.length
    leaving.abort()
    await assert.rejects(left)
    while (records.length === before) await world.manage('/livez')
    assert.deepEqual(await recorded(records.at(-1)?.['requestId']), {
      ...triage,
      ...asked(other),
      status: 499,
      refusal: 'callerLeft',
    })
    landing.resolve()
    const { headers } = await joined
    const record = await recorded(headers['request-id'])
    assert.match(record['graphRequestId'], /^[0-9a-f-]{36}$/)
    delete record['graphRequestId']
    assert.deepEqual(record, {
      ...triage,
      ...asked(other),
      status: 200,
      cache: 'collapsed',
      graphClientRequestId: newestTrip(),
    })
  })

  test('what Graph has not names the trip that found it out', async () => {
    const { status, headers } = await world.ask(path(missing))
    const record = await recorded(headers['request-id'])
    assert.equal(status, 404)
    assert.match(record['graphRequestId'], /^[0-9a-f-]{36}$/)
    delete record['graphRequestId']
    assert.deepEqual(record, {
      ...triage,
      ...asked(missing),
      status: 404,
      cache: 'miss',
      graphClientRequestId: newestTrip(),
    })
  })

  test('a failure of Graph says which trip failed, and what Graph answered', async () => {
    emulator.fail('graph', { kind: 'status', status: 403 })
    const { headers } = await world.ask(`${path(other)}?$select=id`)
    const { reason, ...record } = await recorded(headers['request-id'])
    assert.deepEqual(record, {
      ...triage,
      ...asked(other),
      select: ['id'],
      status: 502,
      refusal: 'graphRefused',
    })
    assert.ok(reason.startsWith('Graph answered 403 '), reason)
    assert.ok(reason.includes(newestTrip()), reason)
  })

  test('each refusal says who was refused what, and why', async () => {
    const wallboard = await world.workloadToken('wallboard')
    const intern = await world.workloadToken('intern')
    const names = `${sessionPath}?$select=id`
    const who = (serviceAccount: string): Line => ({
      issuer: 'cluster',
      subject: `system:serviceaccount:soc:${serviceAccount}`,
      namespace: 'soc',
      serviceAccount,
      pod: `${serviceAccount}-6c9f7d5b8-x2k4q`,
    })
    const what = { workspace: 'default', session: sessionId }
    assert.equal((await world.ask(names, { token: wallboard })).status, 200)
    const refusals: readonly [
      asking: Parameters<typeof world.ask>,
      expected: Line,
      reason: RegExp | undefined,
    ][] = [
      [
        [sessionPath, { token: null }],
        { status: 401, refusal: 'unauthenticated' },
        /no Authorization header/,
      ],
      [[sessionPath, { token: 'x' }], { status: 401, refusal: 'unauthenticated' }, /not a JWT/],
      [
        [sessionPath, { token: intern }],
        { ...who('intern'), ...what, select: ['*'], status: 403, refusal: 'accessDenied' },
        /no rule speaks of this caller/,
      ],
      [
        [names, { token: wallboard }],
        {
          ...who('wallboard'),
          ...what,
          select: ['id'],
          rule: 'wallboard',
          status: 429,
          refusal: 'tooManyRequests',
        },
        undefined,
      ],
      [[sessionPath, { method: 'POST' }], { status: 405, refusal: 'notAllowed' }, undefined],
      [['/v1.0/me'], { status: 404, refusal: 'unknownPath' }, undefined],
      [[`${sessionPath}?$top=1`], { ...triage, status: 400, refusal: 'invalidRequest' }, undefined],
      [[`${sessionPath}/../x%2fy`], { status: 400, refusal: 'invalidRequest' }, undefined],
    ]
    for (const [asking, expected, why] of refusals) {
      const reply = await world.ask(...asking)
      const { reason, ...record } = await recorded(reply.headers['request-id'], asking[1])
      assert.deepEqual(record, expected)
      assert.equal(reply.json.error.code, expected['refusal'])
      if (why !== undefined) assert.match(reason, why)
      if (why !== undefined) assert.doesNotMatch(reply.body, why, 'the caller is not told')
    }
  })

  test('a caller whose name is not ASCII keeps it', async () => {
    const token = await emulator.issuer.token({ sub: 'Zoë 😀', aud: 'session-gateway.test' })
    assert.equal((await world.ask(sessionPath, { token })).status, 200)
    assert.equal(records.at(-1)?.['subject'], 'Zoë 😀')
    assert.equal(records.at(-1)?.['rule'], 'foreign')
  })

  test('whatever it is of is an OCSF 1.8.0 API Activity event', () => {
    assert.ok(world.trail.length > 15)
    for (const line of world.trail) assert.deepEqual(faultsOfEvent(JSON.parse(line)), [], line)
  })

  test('every answer is there once', async () => {
    const ids = records.map(({ requestId }) => String(requestId))
    assert.equal(new Set(ids).size, ids.length)
  })
})

test('a peer that comes by IPv4 to a socket of both kinds is named as that', async () => {
  await using world = await startWorld({ config: { server: { listen: '[::]:0' } } })
  const token = await world.workloadToken('triage')
  const { text } = await sendRaw(
    `GET ${sessionPath} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
    { port: world.port, ca: world.ca },
  )
  assert.match(text, /^HTTP\/1\.1 200/)
  assert.equal(world.records.at(-1)?.['peer'], '127.0.0.1')
})
