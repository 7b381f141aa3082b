import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { sharedWorld, withoutTls } from '../security/wire.ts'
import { startWorld } from '../world/world.ts'
import { builtProgram, run, startProgram } from './program.ts'

const entry = builtProgram()

describe('session-gateway probe', () => {
  const world = sharedWorld({
    config: (inFolder) => {
      const tls = { certFile: inFolder('tls.crt'), keyFile: inFolder('tls.key') }
      return { server: { management: { tls } } }
    },
  })

  async function tokenFile(serviceAccount: string): Promise<string> {
    const file = join(world().folder, `${serviceAccount}.token`)
    await writeFile(file, `${await world().workloadToken(serviceAccount)}\n`)
    return file
  }

  function probe(args: readonly string[], { port, gateway, folder } = world()): ReturnType<typeof run> {
    const usual = [
      `--url=https://localhost:${port}`,
      `--management-url=https://localhost:${gateway.managementAddress.port}`,
      `--ca-file=${join(folder, 'ca.pem')}`,
      '--wait=0s',
    ]
    return run(['probe', ...usual, ...args], { entry })
  }

  test('a gateway that is in order, asked by a pod that no rule is for, exits with 0 and asks Graph for nothing', async () => {
    const before = world().emulator.graph.requests
    const { code, stdout, stderr } = await probe(['--token-file', await tokenFile('session-gateway')])
    assert.deepEqual([code, stderr], [0, ''])
    const [ready, without, withOne] = stdout.split('\n')
    assert.match(String(ready), /^ok {7}ready: (127\.0\.0\.1|::1)$/)
    assert.match(String(without), /^ok {7}without a token: 401, as it should be$/)
    assert.match(
      String(withOne),
      /^ok {7}with a token: 403: the caller is known, .* aud .*session-gateway\.test.*, sub "system:serviceaccount:soc:session-gateway", exp 20/,
    )
    assert.equal(world().emulator.graph.requests, before)
  })

  test('where a rule permits the read, that Graph has no such session is fine', async () => {
    const { code, stdout } = await probe(['--token-file', await tokenFile('triage')])
    assert.equal(code, 0)
    assert.match(
      stdout,
      /^ok {7}with a token: 404: the caller is known, a rule permits it, and Graph has answered$/m,
    )
  })

  test('a certificate of the management port alone is trusted there, for the name of its URL, and not by callers', async () => {
    const own = ['--management-ca-file', join(world().folder, 'ca.pem')]
    const others = await probe([...own, '--ca-file', '/dev/null', '--server-name', 'other.example'])
    assert.equal(others.code, 1)
    assert.match(others.stdout, /^ok {7}ready: .*\nfailed {3}without a token: /)
    const { code, stdout } = await probe(['--management-ca-file', '/dev/null'])
    assert.deepEqual([code, stdout.split(':')[0]], [1, 'failed   ready'])
  })

  test('a token that is not believed is told what it says of itself, and is not shown', async () => {
    const token = await world().emulator.issuer.serviceAccountToken({
      namespace: 'soc',
      serviceAccount: 'triage',
      audience: 'somebody-else',
    })
    const file = join(world().folder, 'other.token')
    await writeFile(file, token)
    const { code, stdout } = await probe(['--token-file', file])
    assert.equal(code, 1)
    assert.match(
      stdout,
      /^failed {3}with a token: 401 .*\(request-id [\w-]+\); the token says .*aud .*somebody-else.*What to do: compare aud with issuers/m,
    )
    assert.doesNotMatch(stdout, /eyJ/)
  })

  test('without a token the step that needs one is left out', async () => {
    const { code, stdout } = await probe([])
    assert.equal(code, 0)
    assert.match(stdout, /^skipped {2}with a token: it needs --token-file$/m)
  })

  test('the certificate itself is enough to trust it, by the name that it has', async () => {
    const { folder } = world()
    const leaf = ['--ca-file', join(folder, 'tls.crt')]
    const byAddress = `--management-url=https://127.0.0.2:${world().gateway.managementAddress.port}`
    assert.equal((await probe(leaf)).code, 0)
    assert.equal((await probe([...leaf, '--server-name', 'gateway.example'])).code, 0)
    for (const [args, said] of [
      [
        ['--server-name', 'other.example'],
        /not in the cert.*What to do: give the name that is in the certificate/s,
      ],
      [['--ca-file', '/dev/null'], /What to do: the certificate is not one that --ca-file/],
      [[byAddress], /127\.0\.0\.2: connect ECONNREFUSED.*What to do: nobody listens there/],
    ] as const) {
      const { code, stdout } = await probe(args)
      assert.equal(code, 1)
      const [ready = '', ...others] = stdout.trimEnd().split('\n')
      assert.match(ready, /^failed {3}ready: 1 of 1: /)
      assert.match(ready, said)
      assert.deepEqual(others, [
        'skipped  without a token: it needs one that is ready',
        'skipped  with a token: it needs one that is ready',
      ])
    }
  })

  test('a name without an address, http where https is, and another port are told apart', async () => {
    const { port } = world()
    for (const [args, said] of [
      [
        ['--management-url=https://no-such-host.invalid'],
        /no-such-host\.invalid.*What to do: the name has no address/,
      ],
      [
        [`--management-url=http://localhost:${world().gateway.managementAddress.port}`],
        /What to do: is it https there, and http here/,
      ],
      [
        [`--url=https://localhost:${world().gateway.managementAddress.port}`],
        /without a token: 404.*What to do: .*--url is not/,
      ],
      [[`--url=http://localhost:${port}`], /without a token: .*What to do: is it https there/],
    ] as const) {
      const { code, stdout } = await probe(args)
      assert.equal(code, 1)
      assert.match(stdout, said)
    }
  })

  test('a file that cannot be read is named, and exits with 2', async () => {
    for (const option of ['--token-file', '--ca-file', '--management-ca-file']) {
      const { code, stdout, stderr } = await probe([option, '/nowhere'])
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, /^error: ENOENT.*\/nowhere/)
    }
  })

  test('a token may come from standard input', async () => {
    const { port, gateway, folder } = world()
    const program = startProgram(
      [
        'probe',
        `--url=https://localhost:${port}`,
        `--management-url=https://localhost:${gateway.managementAddress.port}`,
        `--ca-file=${join(folder, 'ca.pem')}`,
        '--token-file=-',
      ],
      { entry, stdin: await world().workloadToken('nobody') },
    )
    const { code, stdout } = await program.ended
    assert.equal(code, 0)
    assert.match(stdout, /^ok {7}with a token: 403/m)
  })
})

test('over http, and an IPv6 address, it is the same', async () => {
  await using world = await startWorld({
    config: { server: { ...withoutTls.config.server, listen: '[::1]:0', management: { listen: '[::1]:0' } } },
    mayBeUnready: true,
  })
  const file = join(world.folder, 'caller.token')
  await writeFile(file, await world.workloadToken('nobody'))
  const { code, stdout } = await run(
    [
      'probe',
      `--url=http://[::1]:${world.port}`,
      `--management-url=http://[::1]:${world.gateway.managementAddress.port}`,
      '--token-file',
      file,
    ],
    { entry },
  )
  assert.equal(code, 0)
  assert.match(stdout, /^ok {7}ready: ::1\nok .*401.*\nok .*403/)
})

describe('a gateway that is not as it should be', () => {
  async function startServer(listener: RequestListener): Promise<{ url: string } & Disposable> {
    const server = createServer(listener).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    assert.ok(address !== null && typeof address === 'object')
    return { url: `http://127.0.0.1:${address.port}`, [Symbol.dispose]: () => server.close() }
  }

  test('is waited for until it is ready', async () => {
    let asked = 0
    using server = await startServer(({ url, headers }, response) => {
      if (url === '/readyz') response.writeHead(++asked < 3 ? 503 : 200).end('{}')
      else response.writeHead(headers.authorization === undefined ? 401 : 403).end()
    })
    const { code, stdout } = await run(['probe', '--url', server.url, '--management-url', server.url], {
      entry,
    })
    assert.deepEqual([code, asked], [0, 3])
    assert.match(stdout, /^ok {7}ready: 127\.0\.0\.1$/m)
  })

  test('and is not ready when the time is over: what it says is shown', async () => {
    using server = await startServer((_request, response) =>
      response.writeHead(503).end('{"ready":false,"degraded":["token: \u001b[31mAADSTS"]}\n'),
    )
    const { code, stdout } = await run(
      ['probe', '--url', server.url, '--management-url', server.url, '--wait=1s'],
      { entry },
    )
    assert.equal(code, 1)
    assert.match(
      stdout,
      /^failed {3}ready: 1 of 1: 127\.0\.0\.1: 503 \{.*AADSTS.*What to do: its log says why; run `doctor`/,
    )
    assert.ok(!stdout.includes('\u001b'))
  })

  test('and one that never ends its answer is not read to the end of the memory', async () => {
    const chunk = 'a'.repeat(65_536)
    using server = await startServer((_request, response) => {
      response.writeHead(503)
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', more)
      more()
    })
    const { code, stdout } = await run(
      ['probe', '--url', server.url, '--management-url', server.url, '--wait=0s'],
      { entry },
    )
    assert.equal(code, 1)
    assert.match(stdout, /^failed {3}ready: 1 of 1: 127\.0\.0\.1: the answer is longer than 1 MiB/)
  })

  test('and one that is not the port for management is told of as that', async () => {
    using server = await startServer((_request, response) =>
      response.writeHead(302, { location: 'http://192.0.2.1/' }).end('a'.repeat(5_000)),
    )
    const { code, stdout } = await run(
      ['probe', '--url', server.url, '--management-url', server.url, '--wait=0s'],
      { entry },
    )
    assert.equal(code, 1)
    assert.match(
      stdout,
      /^failed {3}ready: .*: 302 a{1000}\. What to do: is --management-url the gateway’s port/,
    )
  })

  for (const [anonymous, identified, said] of [
    [200, 200, /without a token: 200 .*, and not 401.*What to do: no issuer may be of type anonymous/],
    [503, 503, /without a token: 503 .*What to do: the gateway’s log has the reason/],
    [
      401,
      503,
      /with a token: 503 \{"code":"tokenUnavailable","echo":"Bearer \[redacted\]"\} .*What to do: the gateway’s log has the reason.*`doctor`/,
    ],
    [401, 302, /with a token: 302 .*What to do: is --url the gateway’s port for callers/],
  ] as const) {
    test(`${anonymous} without a token and ${identified} with one are told`, async () => {
      using server = await startServer(({ url, headers }, response) => {
        const status = headers.authorization === undefined ? anonymous : identified
        const error = { code: 'tokenUnavailable', echo: headers.authorization }
        response.writeHead(url === '/readyz' ? 200 : status).end(JSON.stringify({ error }))
      })
      const program = startProgram(
        ['probe', '--url', server.url, '--management-url', server.url, '--token-file', '-'],
        { entry, stdin: 'opaque' },
      )
      const { code, stdout } = await program.ended
      assert.equal(code, 1)
      assert.match(stdout, said)
      assert.ok(!stdout.includes('opaque'))
    })
  }
})
