import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { exitCodeOf, purgeReplicas } from '../../src/commands/purge.ts'
import { sessionId, startWorld } from '../world/world.ts'
import { sharedWorld } from '../security/wire.ts'
import { run, startProgram } from './program.ts'

describe('session-gateway purge', () => {
  const world = sharedWorld({
    config: (inFolder) => {
      const tls = { certFile: inFolder('tls.crt'), keyFile: inFolder('tls.key') }
      return { server: { management: { listen: '0.0.0.0:0', tls } } }
    },
  })

  async function options(
    serviceAccount = 'ops',
  ): Promise<{ url: string; caFile: string; tokenFile: string }> {
    const { folder, gateway } = world()
    const tokenFile = join(folder, `${serviceAccount}.token`)
    await writeFile(tokenFile, `${await world().workloadToken(serviceAccount)}\n`)
    return {
      url: `https://localhost:${gateway.managementAddress.port}`,
      caFile: join(folder, 'ca.pem'),
      tokenFile,
    }
  }

  async function purge(args: readonly string[], serviceAccount = 'ops'): ReturnType<typeof run> {
    const { url, caFile, tokenFile } = await options(serviceAccount)
    return run(['purge', '--url', url, '--ca-file', caFile, '--token-file', tokenFile, ...args])
  }

  for (const [args, said] of [
    [['--all'], { purged: 'everything', workspaceId: null, sessionId: null }],
    [['--workspace', 'default'], { purged: 'workspace', workspaceId: 'default', sessionId: null }],
    [
      ['--workspace', 'default', '--session', sessionId],
      { purged: 'session', workspaceId: 'default', sessionId },
    ],
  ] as const) {
    test(`${args.join(' ')} purges, says what, and exits with 0`, async () => {
      assert.equal((await world().ask()).status, 200)
      const { code, stdout, stderr } = await purge(args)
      assert.deepEqual([code, stderr], [0, ''])
      const [, address, json = '', requestId] =
        /^(\S+) {2}(\{.*\}) \(request-id (\S+)\)\n$/.exec(stdout) ?? []
      assert.match(String(address), /^(127\.0\.0\.1|::1)$/)
      assert.deepEqual(JSON.parse(json), said)
      const record = world().records.at(-1)
      assert.deepEqual([record?.['action'], record?.['requestId']], ['purge', requestId])
      assert.match(String((await world().ask()).headers['cache-status']), /fwd=uri-miss/)
    })
  }

  test('who may not is told so, and exits with 1', async () => {
    const { code, stdout, stderr } = await purge(['--all'], 'triage')
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /^\S+ {2}not confirmed: 403 .*accessDenied.*request-id/)
  })

  test('an id that is none is told as such', async () => {
    const { code, stderr } = await purge(['--workspace', '../x'])
    assert.equal(code, 1)
    assert.match(stderr, /not confirmed: 400 /)
  })

  test('what cannot be reached, or trusted, or read is named, and no secret is', async () => {
    const { url, caFile, tokenFile } = await options()
    for (const [args, said] of [
      [['--url', 'http://127.0.0.1:9'], /^127\.0\.0\.1 {2}not confirmed: .*(ECONNREFUSED|Bad port)/],
      [['--url', url, '--token-file', tokenFile], /not confirmed: .*certificate/],
      [['--url', url, '--ca-file', caFile, '--token-file', '/nowhere'], /ENOENT.*\/nowhere/],
      [['--url', 'http://no-such-host.invalid'], /no-such-host\.invalid/],
    ] as const) {
      const { code, stdout, stderr } = await run(['purge', '--all', ...args])
      assert.deepEqual([code, stdout], [1, ''])
      assert.match(stderr, said)
      assert.doesNotMatch(stderr, /eyJ/)
    }
  })

  test('each address of a name is a replica, and those that have not purged are named', async () => {
    const here = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }))
    const before = world().records.length
    const both = await purgeReplicas({ ...(await options()), all: true }, () => Promise.resolve(here))
    assert.deepEqual(
      both.map(({ address, purged }) => [address, purged]),
      [
        ['127.0.0.1', 'yes'],
        ['127.0.0.2', 'yes'],
      ],
    )
    assert.equal(world().records.length, before + 2)
    // One of them is somebody else’s.
    const other = createServer((_request, response) => response.writeHead(503).end('busy'))
    other.listen(0, '127.0.0.3')
    await once(other, 'listening')
    const address = other.address()
    assert.ok(address !== null && typeof address === 'object')
    const url = `http://peers.example:${address.port}`
    const missed = await purgeReplicas({ url, all: true }, () =>
      Promise.resolve(['127.0.0.3', '127.0.0.4'].map((each) => ({ address: each, family: 4 }))),
    )
    other.close()
    assert.deepEqual(
      missed.map(({ purged }) => purged),
      ['unknown', 'unknown'],
    )
    assert.deepEqual([both, missed, [...both, ...missed], []].map(exitCodeOf), [0, 1, 1, 1])
    assert.equal(missed[0]?.said, '503 busy (request-id none)')
    assert.match(String(missed[1]?.said), /ECONNREFUSED/)
  })
})

test('an IPv6 address, the certificate itself, another name in it, and a token from standard input will do', async () => {
  await using world = await startWorld({
    config: (inFolder) => ({
      server: {
        listen: '[::]:0',
        management: {
          listen: '[::]:0',
          tls: { certFile: inFolder('tls.crt'), keyFile: inFolder('tls.key') },
        },
      },
    }),
  })
  const url = `https://[::1]:${world.gateway.managementAddress.port}`
  const trusting = [
    'purge',
    '--all',
    '--url',
    url,
    '--ca-file',
    join(world.folder, 'tls.crt'),
    '--token-file',
    '-',
  ]
  const stdin = `${await world.workloadToken('ops')}\n`
  const named = startProgram([...trusting, '--server-name', 'gateway.example'], { stdin })
  const { code, stdout, stderr } = await named.ended
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^::1 {2}\{"purged":"everything"/)
  const empty = await startProgram(trusting, { stdin: '\n' }).ended
  assert.deepEqual([empty.code, empty.stderr], [1, 'no token in standard input\n'])
  const unnamed = await startProgram(trusting, { stdin }).ended
  assert.equal(unnamed.code, 1)
  assert.match(unnamed.stderr, /^::1 {2}not confirmed: .*::1 is not in the cert/)
})

test('a replica that has purged, and could not tell those it shares a cache with, is told so', async () => {
  await using world = await startWorld({
    files: { keys: `one ${randomBytes(32).toString('base64')}`, token: '' },
    config: (inFolder) => ({
      cache: { freshFor: '1h', shared: { url: 'redis://127.0.0.1:9', keysFile: inFolder('keys') } },
    }),
  })
  const tokenFile = join(world.folder, 'token')
  await writeFile(tokenFile, await world.workloadToken('ops'))
  const url = `http://127.0.0.1:${world.gateway.managementAddress.port}`
  await world.ask()
  assert.match(String((await world.ask()).headers['cache-status']), /; hit;/)
  const { code, stdout, stderr } = await run(['purge', '--all', '--url', url, '--token-file', tokenFile])
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(
    stderr,
    /^127\.0\.0\.1 {2}purged here; the others could not be told: 503 \{.*purgeNotShared.*\} \(request-id \S+\)\n$/,
  )
  assert.match(String((await world.ask()).headers['cache-status']), /fwd=uri-miss/)
})

test('another 503, or words that only look like it, confirms nothing', async () => {
  const bodies = ['purgeNotShared', '{"error":"purgeNotShared"}', '{"error":{"code":"auditUnavailable"}}']
  for (const body of bodies) {
    const server = createServer((_request, response) => response.writeHead(503).end(body))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    assert.ok(address !== null && typeof address === 'object')
    const [outcome] = await purgeReplicas({ url: `http://127.0.0.1:${address.port}`, all: true })
    server.close()
    assert.equal(outcome?.purged, 'unknown', body)
  }
})
