import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { audience, sessionPath } from '../world/world.ts'
import { base64url, compact, createForge, hmac, reasonOf, startForgedWorld } from './forge.ts'

const world = await startForgedWorld()
after(() => world[Symbol.asyncDispose]())

const { forge, claims, emulator } = world
const other = createForge()
const good = forge.sign(claims())
const [header = '', payload = '', signature = ''] = good.split('.')
const inAnHour = Math.floor(Date.now() / 1000) + 3600
const anHourAgo = inAnHour - 7200
const unsigned = (alg: unknown): string => compact({ alg, kid: forge.kid }, claims(), () => Buffer.alloc(0))
const forged = (secret: string): string => compact({ alg: 'HS256', kid: forge.kid }, claims(), hmac(secret))
const { url } = emulator.issuer

const algorithm = /"alg" \(Algorithm\) Header Parameter value not allowed/
const badSignature = /signature verification failed/
const noKey = /no applicable key found/
const notJwt = /the token is not a JWT/
const typ = (type: string): RegExp => new RegExp(`its typ is ${type}, which is not that of an access token`)
const noIssuer = /no issuer is configured for iss/
const aud = (found: string): RegExp =>
  new RegExp(`its aud is ${found}, and issuers\\.oidc\\.audience is "${audience}"`)
const claim = (name: string, flaw: string): RegExp => new RegExp(flaw.replace('CLAIM', `"${name}" claim`))

const attacks: readonly (readonly [what: string, token: string, reason: RegExp])[] = [
  // Signatures.
  ['says alg none', unsigned('none'), algorithm],
  ['says alg None', unsigned('None'), algorithm],
  ['says alg none and keeps a signature', forge.sign(claims(), { alg: 'none' }), algorithm],
  ['says no alg', unsigned(undefined), /"alg" \(Algorithm\) Header Parameter missing or invalid/],
  ['spells its alg in lower case', forge.sign(claims(), { alg: 'rs256' }), algorithm],
  ["is signed HS256 with the issuer's public key as PEM", forged(forge.publicPem), algorithm],
  ['is signed HS256 with that PEM, trimmed', forged(forge.publicPem.trim()), algorithm],
  ["is signed HS256 with the issuer's JWK", forged(JSON.stringify(forge.publicJwk)), algorithm],
  ['is signed HS256 with an empty secret', forged(''), algorithm],
  ['is signed by another key of the same name', other.sign(claims(), { kid: forge.kid }), badSignature],
  ['has lost its signature', `${header}.${payload}.`, badSignature],
  ['has half a signature', `${header}.${payload}.${signature.slice(0, 171)}`, badSignature],
  [
    'had its subject changed',
    `${header}.${base64url(JSON.stringify(claims({ sub: 'admin' })))}.${signature}`,
    badSignature,
  ],
  ['claims an algorithm of another kind of key', forge.sign(claims(), { alg: 'ES256' }), noKey],
  ["claims an algorithm that is not its key's", forge.sign(claims(), { alg: 'PS256' }), noKey],
  // Keys it brings along, or names.
  ['brings its own jwk', other.sign(claims(), { kid: undefined, jwk: other.publicJwk }), badSignature],
  ['brings its own jwk under its own name', other.sign(claims(), { jwk: other.publicJwk }), noKey],
  ['names a key that is a path', forge.sign(claims(), { kid: '../../../../dev/null' }), noKey],
  ['names a key by a URL', forge.sign(claims(), { kid: `${url}/jwks` }), noKey],
  ['names a key of 10,000 characters', forge.sign(claims(), { kid: 'k'.repeat(10_000) }), noKey],
  ['names a key that is no text', forge.sign(claims(), { kid: { $ne: null } }), noKey],
  ['is signed by another key and names none', other.sign(claims(), { kid: undefined }), badSignature],
  // Headers.
  [
    'has a critical header nobody knows',
    forge.sign(claims(), { crit: ['payment'], payment: 1 }),
    /Extension Header Parameter "payment" is not recognized/,
  ],
  ['has an empty list of critical headers', forge.sign(claims(), { crit: [] }), /"crit"/],
  ['is not base64url inside', forge.sign(claims(), { b64: false, crit: ['b64'] }), /unencoded payload/],
  ['is a logout token', forge.sign(claims(), { typ: 'logout+jwt' }), typ('"logout\\+jwt"')],
  ['is a proof of possession', forge.sign(claims(), { typ: 'dpop+jwt' }), typ('"dpop\\+jwt"')],
  ['is a security event', forge.sign(claims(), { typ: 'secevent+jwt' }), typ('"secevent\\+jwt"')],
  [
    'is a logout token by its full name',
    forge.sign(claims(), { typ: 'application/logout+jwt' }),
    typ('"application/logout\\+jwt"'),
  ],
  ['has an empty typ', forge.sign(claims(), { typ: '' }), typ('""')],
  ['has a number for a typ', forge.sign(claims(), { typ: 7 }), typ('7')],
  ['has null for a typ', forge.sign(claims(), { typ: null }), typ('null')],
  // Times.
  ['has no exp', forge.sign(claims({ exp: undefined })), claim('exp', 'missing required CLAIM')],
  [
    'has an exp in quotes',
    forge.sign(claims({ exp: `${inAnHour}` })),
    claim('exp', 'CLAIM must be a number'),
  ],
  ['has null for an exp', forge.sign(claims({ exp: null })), claim('exp', 'CLAIM must be a number')],
  ['expired an hour ago', forge.sign(claims({ exp: anHourAgo })), /it expired at 20..-..-..T..:..:..\.000Z/],
  ['expired before time began', forge.sign(claims({ exp: -1e308 })), /it expired at -1e\+308/],
  [
    'begins in an hour',
    forge.sign(claims({ nbf: inAnHour })),
    /it is not valid before 20..-..-..T.*: compare the/,
  ],
  ['begins never', forge.sign(claims({ nbf: 1e308 })), /it is not valid before 1e\+308/],
  ['has an nbf in quotes', forge.sign(claims({ nbf: '0' })), claim('nbf', 'CLAIM must be a number')],
  // For whom, from whom.
  ['has no aud', forge.sign(claims({ aud: undefined })), claim('aud', 'missing required CLAIM')],
  ['is for somebody else', forge.sign(claims({ aud: 'api://else' })), aud('"api://else"')],
  ['is for several, all of them others', forge.sign(claims({ aud: ['a', 'b'] })), aud('\\["a","b"\\]')],
  ['is for nobody', forge.sign(claims({ aud: [] })), aud('\\[\\]')],
  [
    'is for an audience that begins like ours',
    forge.sign(claims({ aud: `${audience}.x` })),
    aud(`"${audience}.x"`),
  ],
  [
    'is for us in capitals',
    forge.sign(claims({ aud: audience.toUpperCase() })),
    aud(`"${audience.toUpperCase()}"`),
  ],
  ['has no iss', forge.sign(claims({ iss: undefined })), /the token has no iss/],
  ['has a list for an iss', forge.sign(claims({ iss: [url] })), /the token has no iss/],
  ['is of another issuer', forge.sign(claims({ iss: 'https://else.example' })), noIssuer],
  ['is of our issuer and a slash', forge.sign(claims({ iss: `${url}/` })), noIssuer],
  ['is of a prefix of our issuer', forge.sign(claims({ iss: url.slice(0, -1) })), noIssuer],
  ['is of our issuer in capitals', forge.sign(claims({ iss: url.toUpperCase() })), noIssuer],
  ['is of the other issuer we trust', forge.sign(claims({ iss: emulator.cluster.issuerUrl })), noKey],
  // Not a JWT.
  ['is a JWT in a JWT', forge.sign(good, { cty: 'JWT' }), notJwt],
  ['is encrypted', `${header}.${payload}.${payload}.${payload}.${signature}`, notJwt],
  ['has two parts', `${header}.${payload}`, notJwt],
  ['is empty but for its dots', '..', notJwt],
  ['is garbage', 'c2Vzc2lvbi1nYXRld2F5', notJwt],
  ['is a list', forge.sign('["reader"]'), notJwt],
  ['is not UTF-8', `${header}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${signature}`, notJwt],
]

test('the token that all these are made from is accepted', async () => {
  // Not the question that the attackers ask: its answer must not be in the cache.
  assert.equal((await world.askWith(`Bearer ${good}`, `${sessionPath}?$select=id`)).status, 200)
})

for (const [what, token, reason] of attacks) {
  test(`refuses a token that ${what}, tells the log why and the caller only that`, async () => {
    const calls = emulator.graph.calls
    const reply = await world.askWith(`Bearer ${token}`)
    assert.equal(reply.status, 401)
    assert.deepEqual(
      [reply.json.error.code, reply.json.error.message, reply.headers['www-authenticate']],
      [
        'unauthenticated',
        'Send a token of a trusted issuer, made for this gateway, as "Authorization: Bearer <token>".',
        'Bearer realm="session-gateway", error="invalid_token"',
      ],
    )
    assert.match(reasonOf(world, reply), reason)
    assert.equal(emulator.graph.calls, calls)
  })
}
