import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { Fault } from '../../src/emulator/index.ts'
import { type AppToken, createTokenProvider, type ExchangeOptions } from '../../src/token/index.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { systemClock } from '../../src/clock.ts'
import { createOutbound } from '../../src/outbound/index.ts'
import { httpsServer } from '../outbound/counterpart.ts'
import { failureOf, secretOf, startEntra } from './entra.ts'

const entra = await startEntra()
const { emulator } = entra
after(() => entra[Symbol.asyncDispose]())
beforeEach(() => emulator.reset())

const wrong: readonly (readonly [what: string, changes: Partial<ExchangeOptions>, says: RegExp])[] = [
  [
    'a wrong secret',
    { credential: secretOf('canary-wrong-secret') },
    /AADSTS7000215.*What to do: the client secret is wrong/,
  ],
  [
    'an unknown tenant',
    { tenantId: 'elsewhere.example' },
    /AADSTS90002.*What to do: there is no such tenant/,
  ],
  [
    'an unknown client',
    { clientId: '99999999-0000-0000-0000-000000000000' },
    /AADSTS700016.*What to do: no such application in this tenant/,
  ],
]

for (const [what, changes, says] of wrong) {
  test(`${what} is told with Entra's words and what to do, and never with the secret`, async () => {
    const secrets = [emulator.entra.clientSecret, 'canary-wrong-secret']
    assert.match((await failureOf(entra.exchange(changes), ...secrets)).message, says)
    assert.deepEqual([emulator.entra.requests.length, emulator.entra.exchanges], [1, 0])
  })
}

for (const lifetime of [1e18, {}, [3600], 'soon', -5, null]) {
  test(`a token that lives for ${JSON.stringify(lifetime)} seconds is an exchange that failed, or one bounded`, async () => {
    const body = JSON.stringify({ token_type: 'Bearer', expires_in: lifetime, access_token: 'x.y.z' })
    const headers = { 'content-type': 'application/json' }
    emulator.fail('token', { kind: 'body', status: 200, headers, body })
    const outcome = await entra
      .exchange()()
      .catch((error: unknown) => error)
    if (outcome instanceof Error) assert.equal(outcome.name, 'ExchangeFailed')
    else assert.ok(Number.isFinite((outcome as AppToken).expiresAt))
  })
}

test('a token that would live for ever is taken for 28 hours at most', async () => {
  const body = JSON.stringify({ token_type: 'Bearer', expires_in: 1e11, access_token: 'x.y.z' })
  emulator.fail('token', { kind: 'body', status: 200, headers: { 'content-type': 'application/json' }, body })
  const { expiresAt } = await entra.exchange()()
  assert.ok(expiresAt <= Date.now() + 28 * 3_600_000)
})

const canaryToken = 'canary-token-of-a-refusal'

const faults: readonly (readonly [what: string, fault: Fault, says: RegExp, retryAfterMs?: number])[] = [
  [
    'an expired secret',
    { kind: 'entraError', aadsts: 7000222 },
    /AADSTS7000222.*What to do: the client secret has expired/,
  ],
  [
    'an application that is disabled',
    { kind: 'entraError', aadsts: 7000112 },
    /What to do: .*enable its service principal/,
  ],
  ['a number nobody knows', { kind: 'entraError', aadsts: 123456 }, /AADSTS123456/],
  [
    'a plain 429',
    { kind: 'status', status: 429, code: 'plain', retryAfter: '17' },
    /Entra answered 429/,
    17_000,
  ],
  [
    'a 429 of the tenant',
    { kind: 'status', status: 429, retryAfter: '0.5' },
    /Entra throttles this tenant/,
    500,
  ],
  ['a 503', { kind: 'status', status: 503 }, /Entra answered 503.*temporarily unavailable/],
  ['a 503 of HTML', { kind: 'html', status: 503 }, /Entra answered 503/],
  ['a 200 of HTML', { kind: 'html' }, /Entra answered 200 \(nothing that OAuth knows\)/],
  ['a reset', { kind: 'reset' }, /Entra could not be reached: .*connection terminated/],
  [
    'an answer that is cut off',
    { kind: 'truncate' },
    /Entra could not be reached: .*http response incomplete/,
  ],
  ['a list', tokenAnswer([]), /Entra answered 200/],
  ['a token with a 400', tokenAnswer({ access_token: canaryToken }, 400), /Entra answered 400/],
  ['no token', tokenAnswer({ token_type: 'Bearer', expires_in: 3599 }), /access token|token exchange failed/],
  [
    'an empty token',
    tokenAnswer({ token_type: 'Bearer', expires_in: 3599, access_token: '' }),
    /access token|token exchange failed/,
  ],
  [
    'a token that is a number',
    tokenAnswer({ token_type: 'Bearer', expires_in: 3599, access_token: 17 }),
    /without an access token/,
  ],
  [
    'a token that would end its header',
    tokenAnswer({ token_type: 'Bearer', expires_in: 3599, access_token: 'a\r\nb: c' }),
    /without an access token/,
  ],
  ['an error with a 200', tokenAnswer({ error: 'server_error', error_description: 'odd' }), /server_error/],
  [
    'an answer without end',
    { kind: 'body', status: 200, headers: {}, body: ' '.repeat(300 * 1024) },
    /body size/,
  ],
]

function tokenAnswer(content: unknown, status = 200): Fault {
  const headers = { 'Content-Type': 'application/json' }
  return { kind: 'body', status, headers, body: JSON.stringify(content) }
}

for (const [what, fault, says, retryAfterMs] of faults) {
  test(`Entra answering ${what} fails that exchange in one request, and the very next one succeeds`, async () => {
    const exchange = entra.exchange()
    emulator.fail('token', fault)
    const failure = await failureOf(exchange, emulator.entra.clientSecret, canaryToken)
    assert.match(failure.message, says)
    assert.equal(failure.retryAfterMs, retryAfterMs)
    assert.equal(emulator.entra.requests.length, 1)
    await exchange()
    assert.equal(emulator.entra.requests.length, 2)
  })
}

test('Entra answering nothing fails at the deadline', async () => {
  const clock = createFakeClock()
  const outbound = createOutbound({ clock, extraCa: emulator.caPem })
  emulator.fail('token', { kind: 'hang' })
  const failing = failureOf(
    entra.exchange({ clock, outbound, deadlineMs: 5_000 }),
    emulator.entra.clientSecret,
  )
  await emulator.reached('token', 1)
  clock.advance(5_000)
  assert.match((await failing).message, /Entra could not be reached: .*response timeout/)
  await outbound.close()
})

for (const status of [301, 302, 307, 308]) {
  test(`a ${status} of Entra is not followed: the secret goes to nobody else`, async () => {
    await using elsewhere = await httpsServer(
      (_request, response) => void response.end(),
      await emulator.certificateFor(['localhost']),
    )
    emulator.fail('token', { kind: 'redirect', status, location: `${elsewhere.origin}/token` })
    const { message } = await failureOf(entra.exchange(), emulator.entra.clientSecret)
    assert.match(message, new RegExp(`Entra answered ${status}`))
    await entra.exchange()()
    assert.equal(elsewhere.connections, 0)
  })
}

test('one exchange is one request to one host: no discovery, and no region from the environment', async () => {
  const requests: string[] = []
  const certificate = await emulator.certificateFor(['localhost'])
  await using watched = await httpsServer((request, response) => {
    requests.push(`${request.method} ${request.headers.host} ${request.url?.split('?')[0]}`)
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ token_type: 'Bearer', expires_in: 3599, access_token: 'opaque' }))
  }, certificate)
  const regions = { MSAL_FORCE_REGION: 'westeurope', REGION_NAME: 'westeurope' }
  Object.assign(process.env, regions)
  try {
    const token = await entra.exchange({ authorityHost: watched.origin })()
    assert.deepEqual([token.value, token.roles], ['opaque', []])
  } finally {
    for (const name of Object.keys(regions)) delete process.env[name]
  }
  const path = `/${emulator.entra.tenantId}/oauth2/v2.0/token`
  assert.deepEqual(requests, [`POST localhost:${watched.port} ${path}`])
})

test('many who ask at a cold start make one exchange with Entra', async () => {
  const told: AppToken[] = []
  const provider = createTokenProvider({
    exchange: entra.exchange(),
    clock: systemClock,
    random: Math.random,
    observer: { exchanged: (token) => void told.push(token), failed: (failure) => assert.fail(failure) },
  })
  const tokens = await Promise.all(Array.from({ length: 200 }, () => provider.get()))
  provider.close()
  assert.equal(new Set(tokens).size, 1)
  assert.deepEqual([emulator.entra.requests.length, told.length, provider.state], [1, 1, 'valid'])
})
