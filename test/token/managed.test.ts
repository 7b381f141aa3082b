import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import { neededRole } from '../../src/token/index.ts'
import { failureOf } from './entra.ts'
import { headersOf, startMachine } from './imds.ts'

const machine = await startMachine()
const { emulator } = machine
const { imds } = emulator
const application = emulator.entra.clientId
const other = '66666666-2222-3333-4444-555555555555'
after(() => machine[Symbol.asyncDispose]())
beforeEach(() => {
  emulator.reset()
  imds.forgetTokens()
  imds.identities = [{ assigned: 'system', clientId: application }]
})

/** What IMDS was asked, in order. */
const asked = (): URL[] => imds.requests.map(({ target }) => new URL(target, imds.url))

test('the machine’s own identity gets a token, its end and its roles, in one question that names nobody', async () => {
  const now = 1_700_000_000_000
  const token = await machine.exchange({ clock: { ...systemClock, now: () => now } })()
  const hours = (token.expiresAt - now) / 3_600_000
  assert.ok(hours > 23.99 && hours < 24.01, `it lives for ${hours} h of our clock`)
  assert.deepEqual(token.roles, [neededRole])
  const [url, ...more] = asked()
  assert.deepEqual(more, [])
  assert.equal(url?.pathname, '/metadata/identity/oauth2/token')
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    'api-version': '2018-02-01',
    resource: 'https://graph.microsoft.com',
  })
})

test('a user-assigned identity is named by identity.clientId, whatever else the machine has', async () => {
  imds.identities = [
    { assigned: 'system', clientId: other },
    { assigned: 'user', clientId: application, roles: ['Other.Role'] },
  ]
  assert.deepEqual((await machine.exchange({ assigned: 'user' })()).roles, ['Other.Role'])
  assert.deepEqual(
    asked().map(({ searchParams }) => searchParams.get('client_id')),
    [application],
  )
})

test('IMDS hears that it is asked on purpose, no proxy, no capability that would make Graph’s answers challenges', async () => {
  await machine.exchange()()
  const [request] = imds.requests
  assert.ok(request)
  const headers = headersOf(request)
  assert.equal(headers.get('metadata'), 'true')
  assert.deepEqual(
    [request.method, request.body.length, headers.get('x-forwarded-for')],
    ['GET', 0, undefined],
  )
  assert.doesNotMatch(request.target, /xms_cc|cp1/i)
})

test('each exchange asks IMDS anew: MSAL’s own memory gives nothing', async () => {
  const exchange = machine.exchange()
  const first = await exchange()
  imds.forgetTokens()
  assert.notEqual((await exchange()).value, first.value)
  assert.equal(imds.requests.length, 2)
})

test('two gateways in one process each ask their own IMDS, though MSAL remembers the first', async () => {
  await using another = await startEmulator()
  await machine.exchange()()
  const [here, there] = await Promise.all([
    machine.exchange()(),
    machine.exchange({ endpoint: another.imds.url })(),
  ])
  assert.notEqual(here.value, there.value)
  assert.deepEqual([imds.requests.length, another.imds.requests.length], [2, 1])
})

test('a client ID or a tenant in capitals is the same one, and a domain name is not compared', async () => {
  const { tenantId } = emulator.entra
  await machine.exchange({ tenantId: tenantId.toUpperCase(), clientId: application.toUpperCase() })()
  await machine.exchange({ tenantId: 'contoso.example' })()
})

test('a token of another identity is refused with both names and what to do', async () => {
  imds.identities = [{ assigned: 'user', clientId: other }]
  const { message } = await failureOf(machine.exchange())
  assert.match(message, new RegExp(`application ${other}, and identity.clientId is ${application}`))
  assert.match(message, /What to do: .*write assigned: user/)
})

test('a token of another tenant is refused with both names and what to do', async () => {
  const { message } = await failureOf(machine.exchange({ tenantId: other }))
  assert.match(message, new RegExp(`tenant ${emulator.entra.tenantId}, and identity.tenantId is ${other}`))
  assert.match(message, /What to do: a managed identity is of the tenant of its subscription/)
})

function answering(fields: object): void {
  const headers = { 'Content-Type': 'application/json' }
  emulator.fail('imds', { kind: 'body', status: 200, headers, body: JSON.stringify(fields) })
}

const opaque = { access_token: 'canary.opaque.token', token_type: 'Bearer', client_id: application }

test('of a token that cannot be read, IMDS’s own word says whose it is; without one it is nobody’s', async () => {
  answering({ ...opaque, expires_in: '3600' })
  assert.equal((await machine.exchange()()).value, opaque.access_token)
  answering({ ...opaque, client_id: undefined, expires_in: '3600' })
  assert.match((await failureOf(machine.exchange(), opaque.access_token)).message, /application nobody/)
})

test('a token’s end is judged by IMDS’s clock, not by ours', async () => {
  const ahead = Date.now() + 7_200_000
  answering({ ...opaque, expires_on: String(Math.floor(Date.now() / 1000) + 3600) })
  const { expiresAt } = await machine.exchange({ clock: { ...systemClock, now: () => ahead } })()
  const lifeMs = expiresAt - ahead
  assert.ok(lifeMs > 3_590_000 && lifeMs < 3_602_000, `it lives for ${lifeMs} ms`)
})

for (const [expiresOn, expiresIn] of [
  [undefined, undefined],
  ['soon', 'later'],
  [{}, []],
  [null, -0.5],
  ['1e400', ''],
]) {
  test(`a token until ${JSON.stringify(expiresOn)}, for ${JSON.stringify(expiresIn)} is an exchange that failed, or one bounded`, async () => {
    answering({ ...opaque, expires_on: expiresOn, expires_in: expiresIn })
    const outcome = await machine
      .exchange()()
      .catch((error: unknown) => error)
    if (outcome instanceof Error) assert.equal(outcome.name, 'ExchangeFailed')
    else assert.ok((outcome as { expiresAt: number }).expiresAt <= Date.now())
  })
}

test('a token that would live for ever is taken for 28 hours at most', async () => {
  answering({ ...opaque, expires_on: '99999999999' })
  const { expiresAt } = await machine.exchange()()
  assert.ok(expiresAt <= Date.now() + 28 * 3_600_000 + 2_000)
})

test('our clock is compared with IMDS’s', async () => {
  const skews: number[] = []
  const clock = { ...systemClock, now: () => Date.now() + 600_000 }
  await machine.exchange({ clock, clockCompared: (skew) => void skews.push(skew) })()
  assert.equal(skews.length, 1)
  assert.ok(Math.abs((skews[0] ?? 0) - 600_000) < 5_000)
})
