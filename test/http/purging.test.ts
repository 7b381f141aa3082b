import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { beforeEach, describe, test } from 'node:test'
import { placeSession } from '../graph/answers.ts'
import { createHeldSink } from '../audit/held-sink.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { recordsIn } from '../world/recorded.ts'
import { sendRaw } from '../world/raw.ts'
import { type Reply, sessionId, startWorld, type World, workspacePath } from '../world/world.ts'
import { assertRefusal, readAnswers, sharedWorld, until } from '../security/wire.ts'

const guid = '17aafe23-ab95-3b37-9546-56dec5ac0218'

async function purge(world: World, path: string, serviceAccount = 'ops'): Promise<Reply> {
  const token = await world.workloadToken(serviceAccount)
  return world.manage(path, { method: 'DELETE', token })
}

async function isHit(world: World, path: string): Promise<boolean> {
  return String((await world.ask(path)).headers['cache-status']).includes('; hit;')
}

describe('a purge', () => {
  const world = sharedWorld({
    clock: createFakeClock(),
    config: {
      access: {
        'team-a': {
          callers: [{ issuer: 'cluster', namespace: 'soc', serviceAccount: 'team-a' }],
          workspaces: ['team-a'],
          admin: ['purge'],
          rate: '4/m',
        },
      },
    },
  })
  let paths: { here: string; part: string; sibling: string; other: string }
  beforeEach(async () => {
    const [one, two] = [placeSession(world()), placeSession(world())]
    const other = `${workspacePath.replace('default', guid)}/sessions/8d0c6f4b-3e52-4a19-b7c8-5f2e9d1a6037`
    paths = { here: one.path, part: `${one.path}?$select=id,displayName`, sibling: two.path, other }
    for (const path of Object.values(paths)) assert.equal((await world().ask(path)).status, 200)
  })

  async function left(): Promise<string[]> {
    const hits: string[] = []
    for (const [name, path] of Object.entries(paths)) if (await isHit(world(), path)) hits.push(name)
    return hits
  }
  const idOf = (path: string): string => path.split('/').at(-1) ?? ''

  test('of a session takes all its $select variants, and nothing else', async () => {
    const session = idOf(paths.here)
    const reply = await purge(world(), `/cache/workspaces/default/sessions/${session.toUpperCase()}`)
    assert.deepEqual(
      [reply.status, reply.json],
      [200, { purged: 'session', workspaceId: 'default', sessionId: session }],
    )
    assert.deepEqual(await left(), ['sibling', 'other'])
  })

  test('of a workspace takes that one, by the name it was asked for by', async () => {
    const reply = await purge(world(), '/cache/workspaces/default')
    assert.deepEqual(
      [reply.status, reply.json],
      [200, { purged: 'workspace', workspaceId: 'default', sessionId: null }],
    )
    assert.deepEqual(await left(), ['other'])
    await purge(world(), `/cache/workspaces/${guid.toUpperCase()}`)
    assert.deepEqual(await left(), ['here', 'part', 'sibling'])
  })

  test('of everything takes everything', async () => {
    const reply = await purge(world(), '/cache')
    assert.deepEqual(
      [reply.status, reply.json],
      [200, { purged: 'everything', workspaceId: null, sessionId: null }],
    )
    assert.deepEqual(await left(), [])
  })

  test('is recorded as that, with who, by which rule and what', async () => {
    const reply = await purge(world(), `/cache/workspaces/default/sessions/${sessionId}`)
    const { action, requestId, serviceAccount, rule, workspace, session, select, status, cache } =
      world().records.at(-1) ?? {}
    assert.deepEqual(
      { action, requestId, serviceAccount, rule, workspace, session, select, status, cache },
      {
        action: 'purge',
        requestId: reply.headers['request-id'],
        serviceAccount: 'ops',
        rule: 'operators',
        workspace: 'default',
        session: sessionId,
        select: undefined,
        status: 200,
        cache: undefined,
      },
    )
    await purge(world(), '/cache')
    const everything = world().records.at(-1)
    assert.deepEqual([everything?.['workspace'], everything?.['session']], ['*', '*'])
  })

  test('is for callers whose rule says so, in its workspaces alone; the others learn nothing, and it is recorded', async () => {
    for (const [who, path] of [
      ['triage', '/cache'],
      ['stranger', `/cache/workspaces/default/sessions/${idOf(paths.here)}`],
      ['team-a', '/cache'],
      ['team-a', '/cache/workspaces/default'],
    ] as const) {
      const reply = await purge(world(), path, who)
      assert.deepEqual([reply.status, reply.json.error.code], [403, 'accessDenied'], `${who} ${path}`)
      const record = world().records.at(-1)
      assert.deepEqual(
        [record?.['action'], record?.['status'], record?.['refusal']],
        ['purge', 403, 'accessDenied'],
      )
    }
    assert.equal((await purge(world(), '/cache/workspaces/team-a', 'team-a')).status, 200)
    assert.deepEqual(await left(), ['here', 'part', 'sibling', 'other'])
  })

  test('has its rule’s rate', async () => {
    const statuses: number[] = []
    for (let n = 0; n < 5; n += 1)
      statuses.push((await purge(world(), '/cache/workspaces/team-a', 'team-a')).status)
    assert.equal(statuses.at(-1), 429)
  })

  test('gives no right to read, not even what may be purged', async () => {
    for (const who of ['ops', 'team-a']) {
      const token = await world().workloadToken(who)
      const path = paths.here.replace('default', 'team-a')
      assert.equal((await world().ask(path, { token })).status, 403)
    }
  })

  test('needs a token', async () => {
    const reply = await world().manage('/cache', { method: 'DELETE' })
    assert.equal(reply.status, 401)
    assert.match(String(reply.headers['www-authenticate']), /^Bearer /)
    const record = await world().recordOf(reply.headers['request-id'])
    assert.deepEqual([record['action'], record['status']], ['purge', 401])
    assert.equal((await left()).length, 4)
  })

  for (const [method, path, status] of [
    ['GET', '/cache', 405],
    ['POST', '/cache', 405],
    ['GET', `/cache/workspaces/default/sessions/${sessionId}`, 405],
    ['DELETE', '/cache/', 404],
    ['DELETE', '/cache/workspaces', 404],
    ['DELETE', '/cache/workspaces/default/', 404],
    ['DELETE', '/cache/workspaces/default/sessions', 404],
    ['DELETE', `/cache/workspaces/default/sessions/${sessionId}/x`, 404],
    ['DELETE', `/cache/workspaces('default')`, 404],
    ['DELETE', '/cache/sessions/default', 404],
    ['DELETE', '/cache/workspaces/default/sessions/not-a-guid', 400],
    ['DELETE', '/cache/workspaces/de%2ffault', 400],
    ['DELETE', '/cache/workspaces/..', 400],
    ['DELETE', '/cache/workspaces/*', 400],
    ['DELETE', '/cache?all=true', 400],
    ['DELETE', '/cache%2fworkspaces', 404],
    ['DELETE', '/cachex', 404],
  ] as const) {
    test(`is not ${method} ${path}: ${status}, and nothing is purged`, async () => {
      // Other clients would tidy these paths up.
      const token = await world().workloadToken('ops')
      const { text } = await sendRaw(
        `${method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
        { port: world().gateway.managementAddress.port },
      )
      const [answer] = readAnswers(text)
      assert.equal(answer?.status, status)
      if (status === 405) assert.equal(answer.headers['allow'], 'DELETE')
      assert.equal((await left()).length, 4)
    })
  }

  test('takes no body, and nothing that follows one', async () => {
    const token = await world().workloadToken('ops')
    const second = `DELETE /cache HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`
    for (const framing of [
      `Content-Length: ${second.length}`,
      'Transfer-Encoding: chunked',
      'TE: x\r\nTransfer-Encoding: xchunked',
    ]) {
      const { text, isClosed } = await sendRaw(
        `DELETE /cache HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n${framing}\r\n\r\n${second}`,
        { port: world().gateway.managementAddress.port },
      )
      const answers = readAnswers(text)
      assert.deepEqual([answers.length, isClosed], [1, true])
      assert.equal(answers[0]?.status, 400)
      // Where the parser itself stumbles over the body, on this port the answer is the parser's.
      if (framing.startsWith('Content-Length')) assertRefusal(answers[0], 400, 'invalidRequest')
    }
    assert.equal((await left()).length, 4)
  })

  test('does nothing that stands behind what can be read in two ways', async () => {
    const token = await world().workloadToken('ops')
    const head = (path: string, lines = ''): string =>
      `DELETE ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n${lines}\r\n`
    for (const first of [
      head('/cache/workspaces/other', 'Host: y\r\n'),
      `${head('/cache/workspaces/other', 'Content-Length: 5\r\n')}hello`,
      `GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello`,
    ]) {
      const { text, isClosed } = await sendRaw(first + head('/cache'), {
        port: world().gateway.managementAddress.port,
      })
      assert.deepEqual([text.match(/HTTP\/1\.1 /g)?.length, isClosed], [1, true])
      assert.equal((await left()).length, 4)
    }
  })

  test('is nothing that the public port knows', async () => {
    const token = await world().workloadToken('ops')
    assert.equal((await world().ask('/cache', { method: 'DELETE', token })).status, 405)
    assert.equal((await left()).length, 4)
  })

  test('lets callers who wait for Graph have their answer, and nobody else', async () => {
    const { emulator } = world()
    const { path } = placeSession(world())
    const hold = Promise.withResolvers<void>()
    emulator.fail('graph', { kind: 'hold', until: hold.promise })
    const calls = emulator.graph.calls
    const waiting = world().ask(path)
    await emulator.reached('graph', calls + 1)
    assert.equal((await purge(world(), '/cache/workspaces/default')).status, 200)
    const later = await world().ask(path)
    assert.equal(later.headers['cache-status'], 'session-gateway; fwd=uri-miss; fwd-status=200; stored')
    hold.resolve()
    assert.equal((await waiting).headers['cache-status'], 'session-gateway; fwd=uri-miss; fwd-status=200')
    assert.equal(emulator.graph.calls, calls + 2)
  })
})

test('a purge whose record cannot be handed over is a 503, is done, and is on record as soon as it can be', async () => {
  const { sink, batches, written, take, flow } = createHeldSink()
  const clock = createFakeClock()
  await using world = await startWorld({ auditSink: sink, clock, config: { audit: { chain: false } } })
  const first = world.ask()
  await written(1)
  take()
  assert.equal((await first).status, 200)
  const stuck = world.ask()
  await written(2)
  clock.advance(1_000)
  const reply = await purge(world, '/cache')
  assert.deepEqual([reply.status, reply.json.error.code], [503, 'auditUnavailable'])
  flow()
  assert.match(String((await stuck).headers['cache-status']), /; hit;/)
  await until('the purge is on record', async () =>
    recordsIn(batches.join('')).some(({ action }) => action === 'purge'),
  )
  assert.partialDeepStrictEqual(
    recordsIn(batches.join('')).filter(({ action }) => action === 'purge'),
    [{ status: 503, withheld: true, serviceAccount: 'ops', workspace: '*' }],
  )
  assert.match(String((await world.ask()).headers['cache-status']), /fwd=uri-miss/)
})

test('a purge that waits for its record is answered before a draining gateway ends', async () => {
  const { sink, written, flow } = createHeldSink()
  await using world = await startWorld({ auditSink: sink, config: { audit: { chain: false } } })
  const purging = purge(world, '/cache')
  await written(1)
  const drained = world.gateway.drain()
  // A bare connection, since a request that slipped in would wait for the sink, too.
  await until('the public port is closed', async () => {
    const socket = connect(world.gateway.address.port, '127.0.0.1')
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    return !isOpen
  })
  flow()
  assert.equal((await purging).status, 200)
  await drained
})

test('the management port speaks TLS where it is told to, and nothing else', async () => {
  await using world = await startWorld({
    config: (inFolder) => {
      const tls = { certFile: inFolder('tls.crt'), keyFile: inFolder('tls.key') }
      return { server: { management: { tls } } }
    },
  })
  assert.equal((await purge(world, '/cache')).status, 200)
  assert.equal((await world.manage('/livez')).status, 200)
  const { port } = world.gateway.managementAddress
  const { text } = await sendRaw('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n', { port })
  assert.equal(text, '')
})
