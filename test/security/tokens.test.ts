import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, sign as signBytes } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { createLocalJWKSet, EncryptJWT } from 'jose'
import { createCallers, Unauthenticated } from '../../src/callers/index.ts'
import { systemClock } from '../../src/clock.ts'
import { base64url, compact, createForge, type Forge, hmac, publish, reasonOf } from '../callers/forge.ts'
import { audience, type Reply, sessionPath, startWorld } from '../world/world.ts'

// What stands in test/callers is not said again: none, crit, exp, aud, jku, x5u, typ, service accounts, roles.
const rsa = createForge()
const ec = ecForge()
const world = await startWorld({ prepare: (emulator) => publish(emulator, [rsa.publicJwk, ec.publicJwk]) })
after(() => world[Symbol.asyncDispose]())

const { url } = world.emulator.issuer
const now = Math.floor(Date.now() / 1000)
const claims = (changes: object = {}): Record<string, unknown> => ({
  iss: url,
  sub: 'reader',
  aud: audience,
  exp: now + 3600,
  ...changes,
})
const ask = (token: string, path = sessionPath): Promise<Reply> => world.ask(path, { token })

function ecForge(): Forge {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const kid = 'ec'
  const dsaEncoding = 'ieee-p1363'
  const header = { alg: 'ES256', kid }
  return {
    kid,
    publicJwk: { ...publicKey.export({ format: 'jwk' }), ...header, use: 'sig' },
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }),
    sign: (payload, more = {}) =>
      compact({ ...header, ...more }, payload, (input) =>
        signBytes('sha256', Buffer.from(input), { key: privateKey, dsaEncoding }),
      ),
  }
}

const good = rsa.sign(claims())
const [header = '', payload = '', signature = ''] = good.split('.')
const published = createPublicKey(rsa.publicPem)
const withKeyAs = (secret: string | Buffer): string =>
  compact({ alg: 'HS256', kid: rsa.kid }, claims(), hmac(secret))
const es256 = (bytes: Buffer): string => compact({ alg: 'ES256', kid: ec.kid }, claims(), () => bytes)
const ecSignature = Buffer.from(ec.sign(claims()).split('.')[2] ?? '', 'base64url')
const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
const zero = Buffer.alloc(32)

const attacks: readonly (readonly [what: string, token: string])[] = [
  [
    'is signed HS256 with the public key as DER',
    withKeyAs(published.export({ type: 'spki', format: 'der' })),
  ],
  [
    'is signed HS256 with the public key as PKCS #1',
    withKeyAs(published.export({ type: 'pkcs1', format: 'pem' })),
  ],
  ['is signed HS256 with the key’s modulus', withKeyAs(Buffer.from(rsa.publicJwk.n ?? '', 'base64url'))],
  [
    'is signed HS512 with the key as PEM',
    compact({ alg: 'HS512', kid: rsa.kid }, claims(), hmac(rsa.publicPem)),
  ],
  ['is ES256 with r and s of zero', es256(Buffer.alloc(64))],
  ['is ES256 with an r of zero', es256(Buffer.concat([zero, ecSignature.subarray(32)]))],
  ['is ES256 with an s of zero', es256(Buffer.concat([ecSignature.subarray(0, 32), zero]))],
  ['is ES256 with r and s of the curve’s order', es256(Buffer.concat([order, order]))],
  ['is ES256 with an empty signature', es256(Buffer.alloc(0))],
  ['is ES256 with zeros in DER', es256(Buffer.from('3006020100020100', 'hex'))],
  ['names the RSA key for ES256', compact({ alg: 'ES256', kid: rsa.kid }, claims(), () => ecSignature)],
  ['names the key of the curve for RS256', rsa.sign(claims(), { kid: ec.kid })],
  ['says its alg in a list', rsa.sign(claims(), { alg: ['RS256'] })],
  ['says its alg and a space', rsa.sign(claims(), { alg: 'RS256 ' })],
  ['says its alg twice, none last', `${base64url('{"alg":"RS256","alg":"none"}')}.${payload}.`],
  ['names a key that is a query', rsa.sign(claims(), { kid: "x' UNION SELECT 'key" })],
  ['names a key that every object has', rsa.sign(claims(), { kid: 'constructor' })],
  ['names __proto__ as its key', rsa.sign(claims(), { kid: '__proto__' })],
  ['names a key that ends in NUL', rsa.sign(claims(), { kid: `${rsa.kid}\0` })],
  ['brings a chain of certificates', createForge().sign(claims(), { x5c: ['MIIB'], kid: undefined })],
  ['says exp is critical', rsa.sign(claims(), { crit: ['exp'], exp: 1 })],
  ['says in text what is critical', rsa.sign(claims(), { crit: 'b64', b64: true })],
  ['says __proto__ is critical', rsa.sign(claims(), { crit: ['__proto__'] })],
  [
    'has a payload that is not encoded',
    `${base64url('{"alg":"RS256","b64":false,"crit":["b64"]}')}.${JSON.stringify(claims())}.${signature}`,
  ],
  ...[true, [now + 60], { now }, '', 0, -1, now - 31.5].map(
    (exp) => [`has an exp of ${JSON.stringify(exp)}`, rsa.sign(claims({ exp }))] as const,
  ),
  ...[{ 0: audience }, [[audience]], `${audience} `, `${audience}\0`, ` ${audience}`, 7, true].map(
    (aud) => [`has an aud of ${JSON.stringify(aud)}`, rsa.sign(claims({ aud }))] as const,
  ),
  ...['JWT\0', ['JWT'], 'at+jwt; x=1', 'application/application/jwt', 'JWE', 'id_token+jwt', 'ＪＷＴ'].map(
    (typ) => [`has a typ of ${JSON.stringify(typ)}`, rsa.sign(claims(), { typ })] as const,
  ),
  ['is encrypted to the key we trust', await encrypted()],
  [
    'says its iss twice, the trusted one last, unsigned',
    unsigned(`"iss":"https://else.example","iss":"${url}"`),
  ],
  ['has claims of __proto__ in place of its own', rsa.sign(`{"__proto__":${JSON.stringify(claims())}}`)],
  ['has padding behind its signature', `${good}==`],
  ['has padding behind its payload', `${header}.${payload}==.${signature}`],
  ['is written in the other alphabet', `${header}.${payload}.${otherAlphabet()}`],
  ['has a character more', `${good}A`],
  ['has a character less', good.slice(0, -1)],
  ['has a part more', `${good}.`],
]

function unsigned(members: string): string {
  return `${header}.${base64url(`{${members},"sub":"reader","aud":"${audience}","exp":${now + 60}}`)}.${signature}`
}

function encrypted(): Promise<string> {
  return new EncryptJWT(claims()).setProtectedHeader({ alg: 'RSA-OAEP', enc: 'A256GCM' }).encrypt(published)
}

/** Of a signature that has a character to which that makes a difference. */
function otherAlphabet(): string {
  for (let n = 0; ; n += 1) {
    const [, , written = ''] = rsa.sign(claims({ n })).split('.')
    if (/[-_]/.test(written)) return written.replaceAll('-', '+').replaceAll('_', '/')
  }
}

describe('a token that', () => {
  test('says the truth is taken, with either key', async () => {
    for (const forge of [rsa, ec]) {
      assert.equal((await ask(forge.sign(claims()), `${sessionPath}?$select=id`)).status, 200)
    }
  })

  for (const [what, token] of attacks) {
    test(`${what} is 401, and nobody is asked`, async () => {
      const { graph } = world.emulator
      const calls = graph.calls
      const reply = await ask(token)
      assert.equal(reply.status, 401, reasonOf(world, reply))
      assert.equal(reply.headers['etag'] ?? reply.headers['cache-status'], undefined)
      assert.equal(graph.calls, calls)
    })
  }

  test('says a claim twice means the last one, wherever it is read', async () => {
    const text = JSON.stringify(claims())
    const reply = await ask(
      rsa.sign(text.replace('"sub"', '"sub":"admin","sub"')),
      `${sessionPath}?$select=id`,
    )
    assert.equal(reply.status, 200)
    assert.equal(world.records.at(-1)?.['subject'], 'reader')
    assert.equal((await ask(rsa.sign(text.replace('"reader"', '"reader","sub":"admin"')))).status, 403)
  })

  test('is 14 KiB long and good is taken, and leaves nothing else behind', async () => {
    const long = rsa.sign(claims({ padding: 'x'.repeat(10_000) }))
    assert.equal((await ask(long, `${sessionPath}?$select=id`)).status, 200)
    assert.ok(!JSON.stringify([world.records, world.logs]).includes('xxxxxxxx'))
  })

  test('is deeply nested costs an answer and nothing more', async () => {
    const deep = JSON.stringify(claims()).replace(`"${audience}"`, '['.repeat(5_000) + ']'.repeat(5_000))
    assert.equal((await ask(rsa.sign(deep))).status, 401)
    assert.equal((await ask(good, `${sessionPath}?$select=id`)).status, 200)
  })
})

for (const [name, forge] of [
  ['RS256', rsa],
  ['ES256', ec],
  ['EdDSA', createForge('ed25519')],
] as const) {
  test(`no token that differs in a single bit from a good one of ${name} is taken`, async () => {
    const keyFor = createLocalJWKSet({ keys: [forge.publicJwk] })
    const keys = {
      held: { issuer: url, keyFor },
      generation: 1,
      refetch: () => Promise.resolve(),
      problem: undefined,
      isUpToDate: true,
      close: () => {},
    }
    const demands = { name: 'id', audience, clockToleranceMs: 0, subject: { claim: 'sub' }, require: {} }
    const callers = createCallers({ clock: systemClock, issuers: [{ demands, keys }] })
    const token = forge.sign(claims())
    assert.equal((await callers.identify(`Bearer ${token}`)).subject, 'reader')
    const flips = Array.from({ length: token.length * 8 }, (_, bit) => {
      const at = bit >> 3
      const flipped = String.fromCharCode(token.charCodeAt(at) ^ (1 << (bit & 7)))
      return token.slice(0, at) + flipped + token.slice(at + 1)
    })
    for (const flipped of flips) {
      await assert.rejects(async () => callers.identify(`Bearer ${flipped}`), Unauthenticated, flipped)
    }
  })
}
