import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { createOutbound } from '../../src/outbound/index.ts'
import { until } from '../callers/forge.ts'
import { httpsServer, selfSigned } from '../outbound/counterpart.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { startWorld, type World } from '../world/world.ts'
import { failureOf, startEntra } from './entra.ts'

const entra = await startEntra()
const { emulator } = entra
after(() => entra[Symbol.asyncDispose]())
beforeEach(() => emulator.reset())

/** A clock that is so far ahead of the emulator's. */
const aheadBy = (ms: number): typeof systemClock => ({ ...systemClock, now: () => Date.now() + ms })

async function comparedBy(clock: typeof systemClock): Promise<number[]> {
  const compared: number[] = []
  await entra
    .exchange({ clock, clockCompared: (skewMs) => compared.push(skewMs) })()
    .catch(() => undefined)
  return compared
}

for (const aheadMs of [0, 3_600_000, -90_000]) {
  test(`a clock ${aheadMs / 1000} s ahead of Entra's is measured at an exchange, whether it succeeds or not`, async () => {
    for (const fail of [false, true]) {
      if (fail) emulator.fail('token', { kind: 'entraError', aadsts: 7000222 })
      const [skewMs = Number.NaN, ...more] = await comparedBy(aheadBy(aheadMs))
      assert.deepEqual(more, [])
      // A `Date` is exact to the second.
      assert.ok(Math.abs(skewMs - aheadMs) <= 30_000, `${skewMs}`)
    }
  })
}

for (const date of ['yesterday', '2026-01-01T00:00:00Z', '0', '']) {
  test(`an answer dated ${JSON.stringify(date)} says nothing of our clock`, async () => {
    emulator.fail('token', { kind: 'body', status: 503, headers: { Date: date }, body: '' })
    assert.deepEqual(await comparedBy(systemClock), [])
  })
}

test('a slow answer is compared with the middle of the exchange', async () => {
  const clock = createFakeClock()
  const outbound = createOutbound({ clock, extraCa: emulator.caPem })
  const { promise, resolve } = Promise.withResolvers<void>()
  emulator.fail('token', { kind: 'hold', until: promise })
  let skewMs = Number.NaN
  const exchanging = entra.exchange({ clock, outbound, clockCompared: (ms) => (skewMs = ms) })()
  await emulator.reached('token', 1)
  clock.advance(50_000)
  resolve()
  await exchanging
  await outbound.close()
  // The emulator's clock did not move, ours by 50 s.
  assert.ok(skewMs > 10_000 && skewMs < 40_000, `${skewMs}`)
})

/** Lines about the clock. */
const linesOf = ({ logs }: World): string[] =>
  logs.flatMap(({ level, msg }) =>
    String(msg).startsWith('this machine’s clock') ? [`${level}: ${msg}`] : [],
  )

async function gaugeOf(world: World): Promise<number> {
  const { body } = await world.manage('/metrics')
  return Number(/^session_gateway_clock_skew_seconds (\S+)$/m.exec(body)?.[1])
}

for (const [how, aheadMs, says] of [
  ['ahead', 3_600_000, /^warn: this machine’s clock is 36\d\d s ahead of Entra’s: set it/],
  ['five minutes ahead', 300_000, /^warn: this machine’s clock is (299|300|301) s ahead of Entra’s: set it/],
  ['five minutes behind', -300_000, /^warn: this machine’s clock is (299|300) s behind Entra’s: set it/],
  ['behind', -90_000, /^warn: this machine’s clock is (89|90) s behind Entra’s: set it/],
] as const) {
  test(`a gateway whose clock is ${how} says so once, shows by how much, and says once that it is right again`, async () => {
    const clock = createFakeClock()
    let awayMs: number = aheadMs
    await using world = await startWorld({ clock, emulatorNow: () => clock.now() - awayMs })
    const tokens = (): number => world.logs.filter(({ msg }) => msg === 'new app-only token').length
    for (const [exchanges, ms] of [
      [1, aheadMs],
      [2, aheadMs],
      [3, 0],
      [4, 0],
    ] as const) {
      await until(world, () => tokens() === exchanges)
      const lines = linesOf(world)
      assert.match(lines[0] ?? '', says)
      assert.deepEqual(
        lines.slice(1),
        ms === 0 ? ['info: this machine’s clock agrees with Entra’s again'] : [],
      )
      assert.ok(Math.abs((await gaugeOf(world)) - ms / 1000) <= 1)
      if (exchanges === 2) awayMs = 0
      clock.advance(50 * 60_000)
    }
  })
}

test('a clock that is a minute away is no reason for a line', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({ clock, emulatorNow: () => clock.now() - 59_000 })
  await until(world, () => world.logs.some(({ msg }) => msg === 'new app-only token'))
  assert.deepEqual(linesOf(world), [])
})

test('an assertion outside its time is told with both clocks', async () => {
  const subject = 'system:serviceaccount:soc:gateway'
  emulator.entra.trustFederated({ issuer: emulator.cluster.issuerUrl, subject })
  const assertion = await emulator.issuer.serviceAccountToken({
    namespace: 'soc',
    serviceAccount: 'gateway',
    audience: 'api://AzureADTokenExchange',
    claims: { exp: 1_500_000_000 },
  })
  const tokenFile = await entra.file('assertion', assertion)
  const told = async (clock: typeof systemClock): Promise<string> =>
    (await failureOf(entra.exchange({ clock, credential: { type: 'federated', tokenFile } }), assertion))
      .message
  const right = await told(systemClock)
  assert.match(
    right,
    /AADSTS700024.*says 20\S+Z, and Entra’s agrees\. The token is valid from .* to 2017-07-14/,
  )
  assert.match(right, /that the federated token file is being renewed/)
  const wrong = await told(aheadBy(-400_000))
  assert.match(wrong, /AADSTS700024.*which is (399|400|401) s behind Entra’s.*Set the clock/)
})

test('a certificate outside its time is told with the clock that it was judged by', async () => {
  const file = async (name: string, [certificate, key]: readonly string[]): Promise<string> =>
    entra.file(name, `${certificate}\n${key}`)
  const { certPem, keyPem } = await emulator.certificateFor(['gateway'], 'rsa')
  const good = await file('good.pem', [certPem, keyPem])
  emulator.entra.trustCertificate(certPem)
  const credential = { type: 'certificate', file: good } as const
  // Not valid yet, and nothing has been heard of Entra.
  const early = await failureOf(
    entra.exchange({ credential, clock: aheadBy(-40 * 365 * 86_400_000) }),
    keyPem,
  )
  assert.match(
    early.message,
    /not valid before .*clock says 19\S+Z, and Entra has not said what its own says/,
  )
  // Entra has answered before, and our clock is wrong.
  let aheadMs = 100_000
  const clock = { ...systemClock, now: () => Date.now() + aheadMs }
  const exchange = entra.exchange({ credential, clock })
  await exchange()
  aheadMs += 100 * 365 * 86_400_000
  assert.match((await failureOf(exchange, keyPem)).message, /it expired on .*ahead of Entra’s/)
})

for (const [what, from, to] of [
  ['has expired', -10, -1],
  ['is not valid yet', 1, 10],
] as const) {
  test(`a server certificate that ${what} is told with what our clock says`, async () => {
    const keys = await selfSigned(from, to)
    await using server = await httpsServer((_request, response) => void response.end(), keys)
    const outbound = createOutbound({ clock: systemClock, onlyCa: keys.certPem })
    const { message } = await failureOf(entra.exchange({ authorityHost: server.origin, outbound }))
    await outbound.close()
    assert.match(message, /tls certificate error.*; this machine’s clock says 20\S+Z/)
  })
}
