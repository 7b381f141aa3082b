import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { emulatorAndClient } from './client.ts'
import type { Client } from './client.ts'

async function issuerKeys(client: Client) {
  return createLocalJWKSet((await client.ask('/issuer/jwks')).json)
}

test('the issuer says who it is and where its keys are', async () => {
  await using client = await emulatorAndClient()
  const { issuer, url } = client.emulator
  const { json } = await client.ask('/issuer/.well-known/openid-configuration')
  assert.equal(issuer.url, `${url}/issuer`)
  assert.equal(json.issuer, issuer.url)
  assert.equal(json.jwks_uri, `${url}/issuer/jwks`)
})

test("a caller's token verifies with the published keys", async () => {
  await using client = await emulatorAndClient()
  const { issuer } = client.emulator
  const token = await issuer.token({ sub: 'someone' })
  const verified = await jwtVerify(token, await issuerKeys(client), {
    issuer: issuer.url,
    audience: 'session-gateway',
  })
  assert.equal(verified.payload.sub, 'someone')
  assert.equal(verified.protectedHeader.typ, undefined)
  assert.equal(issuer.jwksRequests, 1)
})

test('claims and header are whatever the test says, or absent', async () => {
  await using client = await emulatorAndClient({ now: () => 5_000_000 })
  const { issuer } = client.emulator
  const token = await issuer.token(
    { aud: undefined, azp: 'app' },
    { header: { typ: 'at+jwt', kid: undefined }, expiresInSeconds: -1 },
  )
  assert.deepEqual(decodeProtectedHeader(token), { typ: 'at+jwt', alg: 'RS256' })
  const expected = { iss: issuer.url, sub: 'caller', iat: 5000, nbf: 5000, exp: 4999, azp: 'app' }
  assert.deepEqual(decodeJwt(token), expected)
})

test('a service-account token looks like a projected one', async () => {
  await using client = await emulatorAndClient()
  const { issuer, cluster } = client.emulator
  const token = await issuer.serviceAccountToken({
    namespace: 'soc',
    serviceAccount: 'triage',
    audience: 'session-gateway.soc',
    pod: 'triage-0',
  })
  const { payload, protectedHeader } = await jwtVerify(token, await issuerKeys(client))
  assert.deepEqual(Object.keys(protectedHeader).toSorted(), ['alg', 'kid'])
  assert.equal(payload.iss, cluster.issuerUrl)
  assert.equal(payload.sub, 'system:serviceaccount:soc:triage')
  assert.deepEqual(payload.aud, ['session-gateway.soc'])
  assert.ok(payload.jti)
  const { namespace, pod, serviceaccount, node } = Object(payload['kubernetes.io'])
  assert.equal(namespace, 'soc')
  assert.equal(pod.name, 'triage-0')
  assert.equal(serviceaccount.name, 'triage')
  assert.ok(pod.uid && serviceaccount.uid && node.name)
})

test('after a rotation old tokens verify, unless the old key is withdrawn', async () => {
  await using client = await emulatorAndClient()
  const { issuer } = client.emulator
  const first = await issuer.token()
  await issuer.rotate()
  const second = await issuer.token()
  assert.notEqual(decodeProtectedHeader(first).kid, decodeProtectedHeader(second).kid)
  const both = await issuerKeys(client)
  await jwtVerify(first, both)
  await jwtVerify(second, both)
  await issuer.rotate({ keepOld: false })
  await assert.rejects(jwtVerify(second, await issuerKeys(client)), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
})

test('the API server answers its own pods only', async () => {
  await using client = await emulatorAndClient()
  const { cluster } = client.emulator
  for (const headers of [{}, { authorization: 'Bearer other' }]) {
    const { status, json } = await client.ask('/cluster/openid/v1/jwks', { headers })
    assert.equal(status, 401)
    assert.deepEqual(json, {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'Unauthorized',
      reason: 'Unauthorized',
      code: 401,
    })
  }
  assert.equal(cluster.requests, 2)
})

test("the API server's keys verify service-account tokens, and its jwks_uri is of no use", async () => {
  await using client = await emulatorAndClient()
  const { cluster, issuer } = client.emulator
  const headers = { authorization: `Bearer ${cluster.podToken}` }
  const { json } = await client.ask('/cluster/.well-known/openid-configuration', { headers })
  assert.equal(json.issuer, cluster.issuerUrl)
  assert.ok(!json.jwks_uri.startsWith(client.emulator.url))
  const keys = await client.ask('/cluster/openid/v1/jwks', { headers })
  assert.equal(keys.headers['content-type'], 'application/jwk-set+json')
  const account = { namespace: 'soc', serviceAccount: 'triage', audience: 'session-gateway.soc' }
  await jwtVerify(await issuer.serviceAccountToken(account), createLocalJWKSet(keys.json))
})
