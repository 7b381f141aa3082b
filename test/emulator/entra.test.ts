import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose'
import { emulatorAndClient, sessionPath } from './client.ts'

test('a right secret gets a token, and nobody may keep the answer', async () => {
  await using client = await emulatorAndClient()
  const { status, headers, json } = await client.exchange()
  assert.equal(status, 200)
  assert.equal(headers['cache-control'], 'no-store, no-cache')
  assert.equal(headers['pragma'], 'no-cache')
  assert.deepEqual(Object.keys(json), ['token_type', 'expires_in', 'ext_expires_in', 'access_token'])
  assert.equal(json.token_type, 'Bearer')
  assert.equal(json.expires_in, 3599)
  assert.equal(client.emulator.entra.exchanges, 1)
})

test('the token is a JWT of the tenant, with its roles', async () => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5)
  await using client = await emulatorAndClient({ now: () => now })
  const { entra } = client.emulator
  const token = await client.appToken()
  const published = await client.ask(`/${entra.tenantId}/discovery/v2.0/keys`)
  const keys = createLocalJWKSet(published.json)
  const { payload, protectedHeader } = await jwtVerify(token, keys, { currentDate: new Date(now) })
  assert.equal(protectedHeader.alg, 'RS256')
  assert.equal(payload.aud, 'https://graph.microsoft.com')
  assert.equal(payload.iss, `https://sts.windows.net/${entra.tenantId}/`)
  assert.equal(payload['appid'], entra.clientId)
  assert.equal(payload['tid'], entra.tenantId)
  assert.deepEqual(payload['roles'], ['SecurityCopilotWorkspaces.Read.All'])
  assert.equal(payload.iat, now / 1000)
  assert.equal(payload.exp, now / 1000 + 3599)
})

test('two tokens of the same second differ', async () => {
  await using client = await emulatorAndClient({ now: () => 0 })
  const [one, other] = [decodeJwt(await client.appToken()), decodeJwt(await client.appToken())]
  assert.notEqual(one['uti'], other['uti'])
  assert.notEqual(one.jti, other.jti)
})

test('without an app role the token has no roles claim at all', async () => {
  await using client = await emulatorAndClient()
  client.emulator.entra.roles = []
  assert.equal('roles' in decodeJwt(await client.appToken()), false)
})

test('a token lives as long as it was told to', async () => {
  await using client = await emulatorAndClient({ now: () => 1_000_000 })
  client.emulator.entra.tokenLifetimeSeconds = 60
  const { json } = await client.exchange()
  assert.equal(json.expires_in, 60)
  assert.equal(decodeJwt(json.access_token).exp, 1060)
})

const refusals = [
  ['a wrong secret', { client_secret: 'wrong' }, 401, 'invalid_client', 7000215],
  ['no credential', { client_secret: undefined }, 401, 'invalid_client', 7000218],
  ['two credentials', { client_assertion: 'a.b.c' }, 400, 'invalid_request', 9002313],
  ['an unknown application', { client_id: 'nobody' }, 400, 'unauthorized_client', 700016],
  ['no application', { client_id: undefined }, 400, 'invalid_request', 900144],
  ['no grant type', { grant_type: undefined }, 400, 'invalid_request', 900144],
  ['another grant type', { grant_type: 'password' }, 400, 'unsupported_grant_type', 70003],
  ['another scope', { scope: 'https://graph.microsoft.com/User.Read' }, 400, 'invalid_scope', 70011],
  ['no scope', { scope: undefined }, 400, 'invalid_scope', 70011],
] as const

for (const [what, changes, expectedStatus, error, aadsts] of refusals) {
  test(`${what} is refused with AADSTS${aadsts}`, async () => {
    await using client = await emulatorAndClient()
    const { status, json } = await client.exchange(changes)
    assert.equal(status, expectedStatus)
    assert.equal(json.error, error)
    assert.deepEqual(json.error_codes, [aadsts])
    assert.equal(client.emulator.entra.exchanges, 0)
    assert.equal(client.emulator.entra.requests.length, 1)
  })
}

test('an error has everything that Entra puts into it', async () => {
  await using client = await emulatorAndClient({ now: () => Date.UTC(2026, 0, 2, 3, 4, 5) })
  const correlationId = '0bfcd9e1-37c5-4a7b-9b6e-6d5a3f2c1b00'
  const { json, headers } = await client.exchange({
    client_secret: 'wrong',
    'client-request-id': correlationId,
  })
  assert.match(
    json.error_description,
    /^AADSTS7000215: Invalid client secret provided\. .* Trace ID: [\da-f-]{36} Correlation ID: 0bfcd9e1-37c5-4a7b-9b6e-6d5a3f2c1b00 Timestamp: 2026-01-02 03:04:05Z$/,
  )
  assert.equal(json.timestamp, '2026-01-02 03:04:05Z')
  assert.equal(json.correlation_id, correlationId)
  assert.equal(json.trace_id, headers['x-ms-request-id'])
  assert.equal(json.error_uri, 'https://login.microsoftonline.com/error?code=7000215')
  assert.equal(headers['cache-control'], 'no-store, no-cache')
})

test('an unknown tenant is refused, for tokens and for metadata', async () => {
  await using client = await emulatorAndClient()
  const token = await client.ask('/contoso/oauth2/v2.0/token', { method: 'POST' })
  assert.deepEqual(token.json.error_codes, [90002])
  const metadata = await client.ask('/contoso/v2.0/.well-known/openid-configuration')
  assert.deepEqual([metadata.status, metadata.json.error_codes], [400, [90002]])
})

test('only a POST of one form gets through', async () => {
  await using client = await emulatorAndClient()
  const { entra } = client.emulator
  const path = `/${entra.tenantId}/oauth2/v2.0/token`
  assert.deepEqual((await client.ask(path)).json.error_codes, [900561])
  const body = `grant_type=client_credentials&client_id=${entra.clientId}`
  const asJson = await client.ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  assert.deepEqual(asJson.json.error_codes, [900144])
  const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
  const twice = await client.ask(path, { method: 'POST', headers, body: `${body}&client_id=another` })
  assert.deepEqual(twice.json.error_codes, [9000411])
})

test('a body without end is refused, not collected', async () => {
  await using client = await emulatorAndClient()
  const { status } = await client.exchange({ client_assertion: 'a'.repeat(300_000) })
  assert.equal(status, 413)
})

test('metadata names the endpoints under the name that the client used', async () => {
  await using client = await emulatorAndClient()
  const { tenantId } = client.emulator.entra
  const path = `/${tenantId}/v2.0/.well-known/openid-configuration`
  const { json } = await client.ask(path, { headers: { host: '127.0.0.1:8443' } })
  assert.equal(json.token_endpoint, `https://127.0.0.1:8443/${tenantId}/oauth2/v2.0/token`)
  assert.equal(json.issuer, `https://127.0.0.1:8443/${tenantId}/v2.0`)
})

test('what came over the wire is recorded as it came', async () => {
  await using client = await emulatorAndClient()
  const { entra } = client.emulator
  await client.ask(`/${entra.tenantId}/oauth2/v2.0/token?client-request-id=1`, {
    method: 'POST',
    headers: { 'X-Odd-Case': 'kept' },
    body: 'some bytes',
  })
  const [recorded] = entra.requests
  assert.ok(recorded)
  assert.equal(recorded.method, 'POST')
  assert.equal(recorded.target, `/${entra.tenantId}/oauth2/v2.0/token?client-request-id=1`)
  assert.equal(recorded.httpVersion, '1.1')
  assert.equal(recorded.rawHeaders[recorded.rawHeaders.indexOf('X-Odd-Case') + 1], 'kept')
  assert.equal(recorded.body.toString(), 'some bytes')
})

test('Graph refuses every token issued before a revocation, and none issued after it', async () => {
  await using client = await emulatorAndClient()
  const before = await client.appToken()
  client.emulator.entra.revokeTokens()
  const refused = await client.ask(sessionPath, { headers: { authorization: `Bearer ${before}` } })
  assert.equal(refused.status, 401)
  assert.equal(refused.json.error.code, 'InvalidAuthenticationToken')
  assert.match(String(refused.headers['www-authenticate']), /error="insufficient_claims", claims="/)
  assert.equal((await client.graph(sessionPath)).status, 200)
})
