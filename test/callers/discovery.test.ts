import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fetchOidc, type OidcSource } from '../../src/callers/index.ts'
import type { Outbound, OutboundRequest } from '../../src/outbound/index.ts'

const keys = [{ kty: 'RSA' }]

/** Answers by URL, and remembers what was asked. */
function scripted(
  documents: Readonly<Record<string, unknown>>,
): Pick<Outbound, 'send'> & { asked: OutboundRequest[] } {
  const asked: OutboundRequest[] = []
  return {
    asked,
    send(request) {
      asked.push(request)
      const document = documents[request.origin + request.target]
      const body = typeof document === 'string' ? document : JSON.stringify(document)
      const status = document === undefined ? 404 : 200
      return Promise.resolve({ status, headers: {}, body: Buffer.from(body ?? '') })
    },
  }
}

for (const [issuer, jwksUri, wellKnown] of [
  ['https://id.example', 'https://id.example/jwks', 'https://id.example/.well-known/openid-configuration'],
  [
    'https://id.example/',
    'https://keys.example/a?p=1&q=%2F',
    'https://id.example/.well-known/openid-configuration',
  ],
  [
    'https://id.example/tenant/v2.0',
    'https://id.example',
    'https://id.example/tenant/v2.0/.well-known/openid-configuration',
  ],
] as const) {
  test(`discovers the keys of ${issuer} at ${jwksUri}`, async () => {
    const target = jwksUri === 'https://id.example' ? `${jwksUri}/` : jwksUri
    const outbound = scripted({ [wellKnown]: { issuer, jwks_uri: jwksUri }, [target]: { keys } })
    assert.deepEqual(await fetchOidc({ issuer }, outbound), { issuer, keys })
    assert.equal(outbound.asked.length, 2)
  })
}

test('keys are found at an address that names the usual port, as every pod is told of its API server', async () => {
  for (const [jwksUri, origin, target] of [
    ['https://id.example:443/jwks?a=b', 'https://id.example', '/jwks?a=b'],
    ['https://[fd00::1]:443/openid/v1/jwks', 'https://[fd00::1]', '/openid/v1/jwks'],
    ['https://id.example:8443/jwks', 'https://id.example:8443', '/jwks'],
    ['https://bücher.example/jwks', 'https://xn--bcher-kva.example', '/jwks'],
  ] as const) {
    const outbound = scripted({ [origin + target]: { keys } })
    assert.deepEqual((await fetchOidc({ issuer: 'https://id.example', jwksUri }, outbound)).keys, keys)
    assert.deepEqual(
      outbound.asked.map((request) => [request.origin, request.target]),
      [[origin, target]],
    )
  }
})

test('no credential of ours goes to an issuer', async () => {
  const outbound = scripted({ 'https://id.example/jwks': { keys } })
  await fetchOidc({ issuer: 'https://id.example', jwksUri: 'https://id.example/jwks' }, outbound)
  assert.deepEqual(outbound.asked[0]?.headers, {
    accept: 'application/json',
    'user-agent': 'session-gateway',
  })
  assert.equal(outbound.asked[0]?.method, 'GET')
})

const wellKnown = 'https://id.example/.well-known/openid-configuration'
const source: OidcSource = { issuer: 'https://id.example' }

for (const [what, document, problem] of [
  [
    'is of another issuer',
    { issuer: 'https://else.example' },
    /is the document of the issuer "https:\/\/else/,
  ],
  ['differs by a slash', { issuer: 'https://id.example/' }, /write issuers\.\*\.issuer exactly so/],
  ['names no issuer', {}, /is the document of the issuer null/],
  ['names no keys', { issuer: source.issuer }, /names no https jwks_uri/],
  [
    'names keys over http',
    { issuer: source.issuer, jwks_uri: 'http://id.example/jwks' },
    /names no https jwks_uri; give it as issuers\.\*\.jwksUri/,
  ],
  ['names a file', { issuer: source.issuer, jwks_uri: 'file:///etc/passwd' }, /names no https jwks_uri/],
  ['is a page', '<!DOCTYPE html>', /did not answer with a JSON object/],
  ['is a list', [], /did not answer with a JSON object/],
  ['is not there', undefined, /openid-configuration answered 404/],
] as const) {
  test(`says so when the discovery document ${what}`, async () => {
    const outbound = scripted({ [wellKnown]: document })
    await assert.rejects(fetchOidc(source, outbound), problem)
    assert.equal(outbound.asked.length, 1)
  })
}

test('says so when the key set is none', async () => {
  for (const document of [{}, { keys: {} }, { keys: 'none' }]) {
    const outbound = scripted({ 'https://id.example/jwks': document })
    const given = { ...source, jwksUri: 'https://id.example/jwks' }
    await assert.rejects(fetchOidc(given, outbound), /jwks is not a JSON Web Key Set/)
  }
})
