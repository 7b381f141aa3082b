import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import {
  audience,
  sessionPath,
  startWorld,
  workspacePath,
  type World,
  type WorldOptions,
} from '../world/world.ts'
import { type ConnectProxy, connectProxy } from './connect-proxy.ts'
import { authority } from './counterpart.ts'

/** What is below it exists nowhere: only the proxy knows where it is. */
const domain = 'internal.example'
const user = 'gateway:the-password-of-the-proxy'
const secrets = [user.split(':')[1] ?? '', Buffer.from(user).toString('base64')]

/** A gateway whose token endpoint, Graph and issuer have names that only the proxy knows. */
function behind(
  proxy: ConnectProxy,
  { env, config, ...options }: Omit<WorldOptions, 'config'> & { config?: (at: Named) => object } = {},
): Promise<World> {
  return startWorld({
    domain,
    config: (inFolder, emulator) => {
      const { caPem, url } = emulator
      // A proxy that speaks TLS is of an authority of its own.
      writeFileSync(inFolder('both.pem'), caPem + authority.certPem)
      const at: Named = (part) => url.replace('localhost', `${part}.${domain}`)
      return {
        outbound: { caFile: inFolder('both.pem') },
        graph: { endpoint: at('graph') },
        identity: { authorityHost: at('login') },
        access: { triage: { reads: ['session', 'sessions'] } },
        ...config?.(at),
      }
    },
    env: { HTTPS_PROXY: proxy.url.replace('://', `://${user}@`), ...env },
    ...options,
  })
}

type Named = (part: string) => string

/** Whose names the proxy was asked for. */
function askedOf({ asked }: ConnectProxy): string[] {
  return [...new Set(asked.map((each) => each.split('.')[0] ?? ''))].toSorted()
}

async function logged({ logs }: World, what: RegExp): Promise<void> {
  while (!logs.some((line) => what.test(JSON.stringify(line)))) await turn()
}

async function assertNothingTold(world: World): Promise<void> {
  const pages = await Promise.all(
    ['/readyz', '/metrics'].map(async (path) => (await world.manage(path)).body),
  )
  const told = JSON.stringify([world.logs, world.trail, pages])
  for (const secret of secrets) assert.ok(!told.includes(secret), told)
}

for (const isSecure of [false, true]) {
  const what = isSecure ? 'a proxy that speaks TLS' : 'a plain proxy'
  test(`through ${what} go the token exchange, Graph in both lanes and the issuer, but not the API server`, async () => {
    await using proxy = await connectProxy({ isSecure, credentials: user })
    await using world = await behind(proxy)
    const ofTheCluster = await world.ask()
    const reader = await world.emulator.issuer.token({ sub: 'reader', aud: audience })
    const ofTheIssuer = await world.ask(`${sessionPath}?$select=id`, { token: reader })
    const list = await world.ask(`${workspacePath}/sessions`)
    assert.deepEqual([ofTheCluster.status, ofTheIssuer.status, list.status], [200, 200, 200])
    assert.deepEqual(askedOf(proxy), ['graph', 'issuer', 'login'])
    assert.ok(world.emulator.cluster.requests > 0)
    assert.ok(!proxy.seen.includes('Bearer') && !proxy.seen.includes('client_secret'))
    await assertNothingTold(world)
  })
}

for (const [part, problem] of [
  ['login', /no new app-only token: Entra could not be reached: https:\/\/login\.\S+: dns error/],
  ['issuer', /keys could not be fetched: https:\/\/issuer\.\S+: dns error/],
] as const) {
  test(`what NO_PROXY names is reached directly: ${part}`, async () => {
    await using proxy = await connectProxy({ credentials: user })
    await using world = await behind(proxy, {
      env: { NO_PROXY: `localhost,${part}.${domain}` },
      mayBeUnready: true,
    })
    await logged(world, problem)
    assert.ok(!askedOf(proxy).includes(part))
  })
}

test('what NO_PROXY names is reached directly: graph', async () => {
  await using proxy = await connectProxy({ credentials: user })
  await using world = await behind(proxy, { env: { NO_PROXY: `.${domain}:1, graph.${domain}` } })
  for (const path of [sessionPath, `${workspacePath}/sessions`]) {
    const { status, headers } = await world.ask(path)
    assert.equal(status, 502)
    assert.match(String(headers['proxy-status']), /error=dns_error/)
  }
  assert.ok(!askedOf(proxy).includes('graph'))
})

test('the API server is reached directly even by a name that only the proxy knows', async () => {
  await using proxy = await connectProxy({ credentials: user })
  await using world = await behind(proxy, {
    config: (at) => ({ issuers: { cluster: { apiServer: at('kubernetes') } } }),
    mayBeUnready: true,
  })
  await logged(world, /keys could not be fetched: https:\/\/kubernetes\.internal\.example:\d+: dns error/)
  assert.ok(!askedOf(proxy).includes('kubernetes'))
})

test('a proxy that does not let Graph through is a 502, and the operator is told what to do', async () => {
  await using proxy = await connectProxy({ forbids: (asked) => asked.startsWith('graph.') })
  await using world = await behind(proxy)
  for (const path of [sessionPath, `${workspacePath}/sessions`]) {
    const { status, headers, json, body } = await world.ask(path)
    assert.deepEqual([status, json.error.code], [502, 'graphFailed'])
    assert.match(String(headers['proxy-status']), /error=proxy_configuration_error/)
    assert.ok(!body.includes('proxy') && !JSON.stringify(headers).includes(String(proxy.port)))
    const record = JSON.stringify(await world.recordOf(headers['request-id']))
    assert.match(record, /it answered 403: have graph\.internal\.example:\d+ allowed there/)
  }
  assert.equal(world.emulator.graph.calls, 0)
  // What the operator must mend is not tried a second time.
  assert.equal(proxy.asked.filter((each) => each.startsWith('graph.')).length, 2)
  await assertNothingTold(world)
})

test('a proxy that hangs is named by what then takes too long, in both lanes', async () => {
  const clock = createFakeClock()
  const isGraph = (asked: string): boolean => asked.startsWith('graph.')
  await using proxy = await connectProxy({ hangsFor: isGraph })
  await using world = await behind(proxy, { clock })
  for (const [index, path] of [sessionPath, `${workspacePath}/sessions`].entries()) {
    const asking = world.ask(path)
    while (proxy.asked.filter(isGraph).length <= index) await turn()
    clock.advance(10_000)
    const { status, headers } = await asking
    assert.equal(status, 504)
    const record = JSON.stringify(await world.recordOf(headers['request-id']))
    assert.match(
      record,
      /https:\/\/graph\.\S+, through the proxy http:\/\/localhost:\d+: http response timeout/,
    )
  }
  await assertNothingTold(world)
})

test('a proxy that wants credentials which are not given keeps the gateway unready, and it says why', async () => {
  await using proxy = await connectProxy({ credentials: user })
  await using world = await behind(proxy, { env: { HTTPS_PROXY: proxy.url }, mayBeUnready: true })
  await logged(world, /no new app-only token: .* it answered 407: give it credentials in outbound\.proxyAuth/)
  assert.equal((await world.manage('/readyz')).status, 503)
})

test('credentials in a file are read at every connection, and a start without them is refused', async () => {
  await using proxy = await connectProxy({ credentials: user })
  const file = (text: string | undefined): WorldOptions => ({
    domain,
    config: (inFolder, { url }) => {
      if (text !== undefined) writeFileSync(inFolder('proxy'), text)
      return {
        outbound: { proxy: proxy.url, proxyAuth: { file: inFolder('proxy') } },
        graph: { endpoint: url.replace('localhost', `graph.${domain}`) },
      }
    },
  })
  await using world = await startWorld(file(`${user}\n`))
  assert.equal((await world.ask()).status, 200)
  for (const [text, why] of [
    [undefined, /^outbound\.proxyAuth\.file: \S+ cannot be read \(ENOENT\)$/],
    ['nothing-of-a-colon-here', /^outbound\.proxyAuth\.file: \S+ does not hold one line with user:password$/],
    ['a:b\nc:d\n', /does not hold one line with user:password$/],
  ] as const) {
    await assert.rejects(startWorld(file(text)), { name: 'StartFailure', message: why })
  }
  const folder = startWorld({
    config: (inFolder: (name: string) => string) => ({
      outbound: { proxy: proxy.url, proxyAuth: { file: inFolder('.') } },
    }),
  })
  const message = /^outbound\.proxyAuth\.file: \S+ cannot be read \(it is no regular file\)$/
  await assert.rejects(folder, { name: 'StartFailure', message })
})
