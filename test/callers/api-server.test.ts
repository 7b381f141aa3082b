import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { createAuthority } from '../../src/emulator/certificate.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { startWorld, type World } from '../world/world.ts'
import { reasonOf, startWorldKnowing, until } from './forge.ts'

/** Files of a pod, which the configuration names before the world is there. */
async function podFolder(
  files: Readonly<Record<string, string>>,
): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'session-gateway-pod-'))
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(path, name), text)))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

function problemsOf({ logs }: World): string[] {
  return logs.filter(({ issuer }) => issuer === 'cluster').map(({ msg }) => String(msg))
}

test('the API server says who the issuer is, and two questions are all it is asked', async () => {
  await using world = await startWorld()
  assert.equal((await world.ask()).status, 200)
  assert.equal(world.emulator.cluster.requests, 2)
})

test('a configured issuer is not asked for', async () => {
  await using world = await startWorldKnowing(({ cluster }) => ({
    issuers: { cluster: { issuer: cluster.issuerUrl } },
  }))
  assert.equal((await world.ask()).status, 200)
  assert.equal(world.emulator.cluster.requests, 1)
})

test('a configured issuer is the only one, whatever the API server says', async () => {
  await using world = await startWorld({
    config: { issuers: { cluster: { issuer: 'https://else.example' } } },
  })
  const reply = await world.ask()
  assert.equal(reply.status, 401)
  assert.match(reasonOf(world, reply), /no issuer is configured for iss "https:\/\/kubernetes.default/)
})

test('the jwks_uri of the discovery document is never followed', async () => {
  let connections = 0
  await using listener = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  assert(address !== null && typeof address === 'object')
  const jwksUri = `https://127.0.0.1:${address.port}/openid/v1/jwks`
  await using world = await startWorld({
    prepare(emulator) {
      const body = JSON.stringify({ issuer: emulator.cluster.issuerUrl, jwks_uri: jwksUri })
      emulator.fail('cluster', { kind: 'body', status: 200, headers: {}, body })
    },
  })
  assert.equal((await world.ask()).status, 200)
  assert.equal(connections, 0)
})

for (const [what, names, named] of [
  ['outside a cluster', [], /\/(?:token|ca\.crt) cannot be read \(ENOENT\)/],
  ['without its authority', ['token'], /\/ca\.crt cannot be read \(ENOENT\)/],
  ['without its own token', ['ca.crt'], /\/token cannot be read \(ENOENT\)/],
] as const) {
  test(`${what} the log names the missing file, and callers are asked to come again, not refused`, async () => {
    await using pod = await podFolder(Object.fromEntries(names.map((name) => [name, 'x'])))
    const tokenFile = join(pod.path, 'token')
    const caFile = join(pod.path, 'ca.crt')
    await using world = await startWorld({ config: { issuers: { cluster: { tokenFile, caFile } } } })
    const reply = await world.ask()
    assert.equal(reply.status, 503)
    assert.equal(reply.json.error.code, 'issuerUnavailable')
    assert.equal(reply.headers['retry-after'], '5')
    assert.equal(reply.headers['www-authenticate'], undefined)
    assert(!reply.body.includes(pod.path))
    for (const told of [problemsOf(world)[0] ?? '', reasonOf(world, reply)]) {
      assert(told.includes(pod.path))
      assert.match(told, named)
      assert.match(told, /outside one, give tokenFile, caFile and apiServer/)
    }
    assert.equal(world.emulator.cluster.requests, 0)
    assert.match((await world.manage('/readyz')).body, /issuer cluster: keys cannot be fetched/)
    // Another issuer's callers notice nothing.
    const token = await world.emulator.issuer.token({ sub: 'reader', aud: 'session-gateway.test' })
    assert.equal((await world.ask(undefined, { token })).status, 200)
  })
}

test('an empty authority file is not taken for the authorities of the whole world', async () => {
  await using pod = await podFolder({ 'ca.crt': '\n' })
  const caFile = join(pod.path, 'ca.crt')
  await using world = await startWorld({ config: { issuers: { cluster: { caFile } } } })
  assert.equal((await world.ask()).status, 503)
  assert(problemsOf(world)[0]?.includes(`${caFile} cannot be read (empty)`))
})

test('the API server must show a certificate of its own authority, not of any that is trusted elsewhere', async () => {
  const stranger = await createAuthority()
  await using pod = await podFolder({ 'ca.crt': stranger.certPem })
  const usual = getCACertificates('default')
  after(() => setDefaultCACertificates(usual))
  // Both the system and outbound.caFile, which the world sets, know the authority: they do not count here.
  await using world = await startWorld({
    prepare: ({ caPem }) => setDefaultCACertificates([caPem]),
    config: { issuers: { cluster: { caFile: join(pod.path, 'ca.crt') } } },
  })
  const reply = await world.ask()
  assert.equal(reply.status, 503)
  assert.match(problemsOf(world)[0] ?? '', /tls certificate error/)
  assert.equal(world.emulator.cluster.requests, 0)
})

test("the pod's token is read anew each time, so a rotated one is used", async () => {
  const clock = createFakeClock()
  await using pod = await podFolder({ token: 'expired long ago' })
  const tokenFile = join(pod.path, 'token')
  await using world = await startWorld({ clock, config: { issuers: { cluster: { tokenFile } } } })
  assert.equal((await world.ask()).status, 503)
  assert.match(problemsOf(world)[0] ?? '', /openid-configuration answered 401/)
  await writeFile(tokenFile, `${world.emulator.cluster.podToken}\n`)
  clock.advance(1_000)
  await until(world, () => problemsOf(world).includes('new issuer keys'))
  assert.equal((await world.ask()).status, 200)
})
