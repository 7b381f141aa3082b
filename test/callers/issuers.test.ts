import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import { audience, startWorld } from '../world/world.ts'
import { reasonOf, startForgedWorld, startWorldKnowing, until } from './forge.ts'

const world = await startForgedWorld(({ issuer: { url } }) => ({
  issuers: {
    reports: { type: 'oidc', issuer: url, audience: 'reports.test' },
    jobs: { type: 'oidc', issuer: url, audience: 'jobs.test', subject: 'client_id' },
  },
  access: {
    reports: { callers: [{ issuer: 'reports', subject: 'nightly' }], workspaces: ['*'] },
    jobs: { callers: [{ issuer: 'jobs', subject: 'nightly' }], workspaces: ['*'] },
  },
}))
after(() => world[Symbol.asyncDispose]())
const { forge, claims } = world

test('one iss may be several issuers: the audience tells which', async () => {
  for (const [issuer, token] of [
    ['reports', { aud: 'reports.test', sub: 'nightly' }],
    ['jobs', { aud: 'jobs.test', sub: 'somebody', client_id: 'nightly' }],
    ['oidc', { aud: audience }],
  ] as const) {
    const reply = await world.askWith(`Bearer ${forge.sign(claims(token))}`)
    assert.equal(reply.status, 200, issuer)
    assert.equal(world.records.at(-1)?.['issuer'], issuer)
  }
})

test('a token for several of them is that of the first in the configuration', async () => {
  const token = forge.sign(claims({ aud: ['jobs.test', 'reports.test'], sub: 'nightly', client_id: 'else' }))
  assert.equal((await world.askWith(`Bearer ${token}`)).status, 200)
  assert.equal(world.records.at(-1)?.['issuer'], 'reports')
})

test('a token that none of them takes is refused, with what each has against it', async () => {
  const token = forge.sign(claims({ aud: 'jobs.test', sub: 'nightly' }))
  const reply = await world.askWith(`Bearer ${token}`)
  assert.equal(reply.status, 401)
  assert.deepEqual(reasonOf(world, reply).split('; '), [
    'issuer oidc: its aud is "jobs.test", and issuers.oidc.audience is "session-gateway.test"',
    'issuer reports: its aud is "jobs.test", and issuers.reports.audience is "reports.test"',
    'issuer jobs: its claim "client_id" does not name a subject of 1 to 256 characters',
  ])
})

test('the same name from another issuer is another caller', async () => {
  const reply = await world.askWith(`Bearer ${forge.sign(claims({ sub: 'nightly' }))}`)
  assert.equal(reply.status, 403)
})

test('one issuer cannot speak for another: each has keys of its own', async () => {
  const { emulator } = world
  const bound = { namespace: 'soc', serviceaccount: { name: 'triage' } }
  const token = forge.sign({
    ...claims({ iss: emulator.cluster.issuerUrl, sub: 'system:serviceaccount:soc:triage' }),
    'kubernetes.io': bound,
  })
  const reply = await world.askWith(`Bearer ${token}`)
  assert.equal(reply.status, 401)
  assert.match(reasonOf(world, reply), /issuer cluster: no applicable key found/)
})

test('while an issuer has never answered, its callers are asked to come again; nobody else is', async () => {
  const clock = createFakeClock()
  await using broken = await startWorld({
    clock,
    prepare: (emulator) => emulator.fail('issuer', { kind: 'status', status: 500 }, Infinity),
  })
  const token = await broken.emulator.issuer.token({ sub: 'reader', aud: audience })
  const reply = await broken.ask(undefined, { token })
  assert.equal(reply.status, 503)
  assert.equal(reply.json.error.code, 'issuerUnavailable')
  assert.match(reasonOf(broken, reply), /issuer oidc: .*openid-configuration answered 500/)
  assert.equal(reply.headers['retry-after'], '5')
  assert.equal((await broken.ask()).status, 200)
  // The keys that are there can refuse.
  const flawed = await broken.emulator.issuer.serviceAccountToken({
    namespace: 'soc',
    serviceAccount: 'triage',
    audience: 'else',
  })
  assert.equal((await broken.ask(undefined, { token: flawed })).status, 401)

  broken.emulator.recover('issuer')
  clock.advance(1_000)
  assert.equal((await broken.ask(undefined, { token })).status, 200)
})

test('an issuer that answers for another is not believed', async () => {
  await using misled = await startWorldKnowing(({ issuer }) => ({
    issuers: {
      other: { type: 'oidc', issuer: issuer.url.replace('localhost', '127.0.0.1'), audience: 'other' },
    },
  }))
  const told = (): unknown => misled.logs.find(({ issuer }) => issuer === 'other')?.['msg']
  await until(misled, () => told() !== undefined)
  assert.match(String(told()), /is the document of the issuer "https:\/\/localhost/)
})
