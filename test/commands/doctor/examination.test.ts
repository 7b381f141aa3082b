import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { after, beforeEach, describe, test } from 'node:test'
import { Agent, request } from 'undici'
import { systemClock } from '../../../src/clock.ts'
import { createFakeClock } from '../../world/fake-clock.ts'
import { startRedis } from '../../world/redis.ts'
import { issuersOf, saidBy, startPatient, troubles } from './patient.ts'

const patient = await startPatient()
const { emulator, inFolder } = patient
const dispatcher = new Agent({ connect: { ca: emulator.caPem } })
after(async () => {
  await dispatcher.destroy()
  await patient[Symbol.asyncDispose]()
})
beforeEach(() => emulator.reset())

test('where nothing is wrong nothing is found, one thing is asked of Graph, and nothing is left behind', async () => {
  const file = inFolder('audit.log')
  const lines = await patient.lines({ audit: { sink: { file } } })
  assert.deepEqual(troubles(lines), [])
  assert.equal(existsSync(file), false)
  const [asked, ...more] = emulator.graph.requests
  assert.deepEqual(
    [asked?.method, asked?.target, more.length],
    ['GET', '/beta/security/securityCopilot/workspaces?$select=id', 0],
  )
  assert.equal(emulator.entra.exchanges, 1)
})

const order = [
  'server.tls',
  'server.management.tls',
  'outbound',
  'dns localhost',
  'clock',
  'issuer cluster',
  'issuer oidc',
  'token',
  'roles',
  'graph',
  'audit.sink',
  'cache.memory',
]

test('the guide has every check, and no other', async () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  await writeFile(inFolder('signing.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  await using redis = await startRedis()
  await writeFile(inFolder('keys'), `one ${randomBytes(32).toString('base64')}`)
  const lines = await patient.lines({
    audit: { signingKeyFile: inFolder('signing.pem') },
    // A generous time limit: machines can be slow.
    cache: { shared: { url: redis.url, keysFile: inFolder('keys'), timeout: '5s' } },
    issuers: reviewing(),
  })
  assert.deepEqual(troubles(lines), [])
  const looked = lines.map(({ check }) => check.replace(/^(dns|issuer|tokenReview) .*/, '$1 <name>'))
  const guide = await readFile('docs/guides/debugging.md', 'utf8')
  const table = guide.slice(guide.indexOf('| check '), guide.indexOf('Exit code 1'))
  const cells = [...table.matchAll(/^\| (`.*?) +\|/gm)].map(([, cell = '']) => cell)
  const named = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))
  assert.deepEqual(new Set(named), new Set(['configuration', 'outbound.proxy', ...looked]))
})

/** The usual issuers, the cluster's with reviews. */
function reviewing(tokenReview: object = {}): object {
  const { cluster, oidc } = issuersOf(patient)
  return { cluster: { ...cluster, tokenReview }, oidc }
}

for (const [whenUnavailable, verdict, consequence] of [
  ['reject', 'failed', /until it is mended callers get 503 tokenReviewUnavailable: bind a ClusterRole/],
  ['accept', 'warning', /until it is mended tokens are believed without a review: bind a ClusterRole/],
] as const) {
  test(`without the right to review tokens it is ${verdict}, where that means to ${whenUnavailable}`, async () => {
    const issuers = reviewing({ whenUnavailable })
    emulator.cluster.mayReview = false
    const lines = await patient.lines({ issuers })
    emulator.cluster.mayReview = true
    assert.deepEqual(troubles(lines), [`${verdict} tokenReview cluster`])
    assert.match(saidBy(lines, 'tokenReview cluster'), /answered 403: .*right to create tokenreviews/)
    assert.match(saidBy(lines, 'tokenReview cluster'), consequence)
    assert.deepEqual(troubles(await patient.lines({ issuers })), [])
  })
}

test('lines come in one order, whatever is answered first', async () => {
  for (const slow of ['issuer', 'token', 'graph'] as const) {
    emulator.fail(slow, { kind: 'delay', ms: 50 })
    assert.deepEqual(
      (await patient.lines()).map(({ check }) => check),
      order,
    )
  }
})

for (const [part, expected] of [
  ['issuer', ['failed issuer oidc']],
  ['cluster', ['failed issuer cluster']],
  ['token', ['failed token', 'skipped roles', 'skipped graph']],
  ['graph', ['failed graph']],
] as const) {
  test(`a ${part} that never answers fails its own line, in its own time`, async () => {
    const clock = createFakeClock()
    emulator.fail(part, { kind: 'hang' }, Infinity)
    let isOver = false
    const examining = patient.lines({}, clock).finally(() => (isOver = true))
    await emulator.reached(part, 1)
    // All of it happens in this process: whoever answers has answered long before time is up.
    while (!isOver) {
      clock.advance(100)
      await (await request(`${emulator.url}/_emulator`, { dispatcher })).body.dump()
    }
    const lines = await examining
    assert.deepEqual(troubles(lines), expected)
    assert.match(saidBy(lines, expected[0].slice('failed '.length)), /timeout/)
  })
}

describe('a clock', () => {
  for (const [aheadMs, expected, said] of [
    [0, [], /it agrees with https:/],
    [90_000, ['warning clock'], /(8|9)\d s ahead of https:.*\nset it \(NTP\)/],
    [-400_000, ['failed clock'], /(39|40)\d s behind https:.*\nset it \(NTP\)/],
  ] as const) {
    test(`that is ${aheadMs / 1000} s ahead`, async () => {
      const clock = { ...systemClock, now: () => Date.now() + aheadMs }
      const lines = await patient.lines({}, clock)
      assert.deepEqual(troubles(lines), expected)
      assert.match(saidBy(lines, 'clock'), said)
    })
  }
})

describe('a managed identity', () => {
  const identity = {
    tenantId: emulator.entra.tenantId,
    clientId: emulator.entra.clientId,
    authorityHost: 'https://no-such-host.invalid',
    credential: { type: 'managed', endpoint: emulator.imds.url },
  }

  test('is had from IMDS: Entra is neither looked up nor asked, and Graph tells the time', async () => {
    const lines = await patient.lines({ identity })
    assert.deepEqual(troubles(lines), [])
    assert.equal(emulator.entra.requests.length, 0)
    assert.deepEqual(
      new Set(emulator.graph.requests.map(({ rawHeaders }) => /authorization/i.test(rawHeaders.join()))),
      new Set([false, true]),
    )
    assert.match(saidBy(lines, 'token'), /an app-only token until/)
  })

  test('that the machine does not have is said so, with the command that gives it one', async () => {
    const { identities } = emulator.imds
    emulator.imds.identities = []
    const lines = await patient.lines({ identity }).finally(() => (emulator.imds.identities = identities))
    assert.deepEqual(troubles(lines), ['failed token', 'skipped roles', 'skipped graph'])
    assert.match(saidBy(lines, 'token'), /^IMDS answered 400 .*\n.*az vm identity assign/)
  })
})
