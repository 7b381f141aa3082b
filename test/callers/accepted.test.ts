import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import { audience } from '../world/world.ts'
import { createForge, reasonOf, startForgedWorld } from './forge.ts'

const clock = createFakeClock()
const world = await startForgedWorld(
  ({ issuer }) => ({
    issuers: {
      exact: { type: 'oidc', issuer: issuer.url, audience: 'exact.test', clockTolerance: '0s' },
      patient: { type: 'oidc', issuer: issuer.url, audience: 'patient.test', clockTolerance: '5m' },
    },
    access: {
      timed: {
        callers: [
          { issuer: 'exact', subject: 'reader' },
          { issuer: 'patient', subject: 'reader' },
        ],
        workspaces: ['*'],
      },
    },
  }),
  { clock },
)
after(() => world[Symbol.asyncDispose]())

const { forge, claims } = world
const seconds = Math.floor(clock.now() / 1000)

for (const typ of [undefined, 'JWT', 'jwt', 'at+jwt', 'AT+JWT', 'application/at+jwt', 'application/jwt']) {
  test(`accepts an access token of typ ${typ ?? '(none)'}`, async () => {
    assert.equal((await world.askWith(`Bearer ${forge.sign(claims(), { typ })}`)).status, 200)
  })
}

test('accepts a token for several audiences when one of them is this gateway', async () => {
  for (const aud of [[audience], ['https://else.example', audience], [audience, 'https://else.example']]) {
    assert.equal((await world.askWith(`Bearer ${forge.sign(claims({ aud }))}`)).status, 200, aud.join())
  }
})

test('accepts a token that names no key while its issuer publishes one', async () => {
  assert.equal((await world.askWith(`Bearer ${forge.sign(claims(), { kid: undefined })}`)).status, 200)
})

test('a key that a token brings along changes nothing when the issuer has signed', async () => {
  const jwk = createForge().publicJwk
  assert.equal((await world.askWith(`Bearer ${forge.sign(claims(), { jwk })}`)).status, 200)
})

test('an expiry beyond the end of time is an expiry like any other', async () => {
  for (const exp of ['1e300', '1e400', '8640000000001', '9007199254740993', `${seconds + 60}.5`]) {
    const written = JSON.stringify(claims()).replace(/"exp":\d+/, `"exp":${exp}`)
    assert.equal((await world.askWith(`Bearer ${forge.sign(written)}`)).status, 200, exp)
  }
})

for (const [name, toleranceSeconds] of [
  [audience, 30],
  ['exact.test', 0],
  ['patient.test', 300],
] as const) {
  test(`with ${toleranceSeconds} s between the clocks a token lives so long before nbf and after exp`, async () => {
    for (const [times, status, reason] of [
      [{ exp: seconds - toleranceSeconds + 1 }, 200, ''],
      [{ exp: seconds - toleranceSeconds }, 401, 'it expired at '],
      [{ nbf: seconds + toleranceSeconds }, 200, ''],
      [{ nbf: seconds + toleranceSeconds + 1 }, 401, 'it is not valid before '],
    ] as const) {
      const reply = await world.askWith(`Bearer ${forge.sign(claims({ aud: name, ...times }))}`)
      assert.equal(reply.status, status, JSON.stringify(times))
      assert(reasonOf(world, reply).includes(reason))
    }
  })
}

test('a token that is still tolerated after its exp is refused as soon as that is over', async () => {
  const token = forge.sign(claims({ exp: seconds }))
  assert.equal((await world.askWith(`Bearer ${token}`)).status, 200)
  clock.advance(30_000)
  assert.equal((await world.askWith(`Bearer ${token}`)).status, 401)
})
