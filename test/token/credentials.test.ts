import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, beforeEach, test } from 'node:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { systemClock } from '../../src/clock.ts'
import { type CredentialSource, neededRole } from '../../src/token/index.ts'
import { failureOf, secretOf, startEntra } from './entra.ts'
import { expiredCertificate } from './expired-certificate.ts'

const entra = await startEntra()
const { emulator } = entra
after(() => entra[Symbol.asyncDispose]())
beforeEach(() => emulator.reset())

const form = (): URLSearchParams => new URLSearchParams(emulator.entra.requests.at(-1)?.body.toString())

test('a secret gets a token, its end and its roles, in one request', async () => {
  const now = 1_700_000_000_000
  const token = await entra.exchange({ clock: { ...systemClock, now: () => now } })()
  const lifetimeMs = token.expiresAt - now
  assert.ok(lifetimeMs > 3_500_000 && lifetimeMs < 3_600_000, `it lives for ${lifetimeMs} ms of our clock`)
  assert.deepEqual(token.roles, [neededRole])
  assert.equal(emulator.entra.requests.length, 1)
  assert.equal(form().get('client_secret'), emulator.entra.clientSecret)
})

test('a token without roles is a token all the same', async () => {
  const { roles } = emulator.entra
  emulator.entra.roles = []
  assert.deepEqual((await entra.exchange()()).roles, [])
  emulator.entra.roles = roles
})

test('a secret file is read at each exchange, so that a rotated one is used by the next', async () => {
  const file = await entra.file('secret', 'canary-not-the-secret')
  const exchange = entra.exchange({ credential: { type: 'secret', file } })
  assert.match((await failureOf(exchange, 'canary-not-the-secret')).message, /AADSTS7000215/)
  await entra.file('secret', `${emulator.entra.clientSecret}\n`)
  await exchange()
})

test('a federated token file is read at each exchange', async () => {
  emulator.entra.trustFederated({
    issuer: emulator.cluster.issuerUrl,
    subject: 'system:serviceaccount:soc:gateway',
  })
  const projected = (): Promise<string> =>
    emulator.issuer.serviceAccountToken({
      namespace: 'soc',
      serviceAccount: 'gateway',
      audience: 'api://AzureADTokenExchange',
    })
  const [first, second] = [await projected(), await projected()]
  const tokenFile = await entra.file('token', `${first}\n`)
  const exchange = entra.exchange({ credential: { type: 'federated', tokenFile } })
  await exchange()
  assert.equal(form().get('client_assertion'), first)
  await entra.file('token', second)
  await exchange()
  assert.equal(form().get('client_assertion'), second)
  assert.equal(form().get('client_secret'), null)
})

for (const layout of [
  'key in the same file',
  'key before the certificate',
  'key in a file of its own',
] as const) {
  test(`an RSA certificate, ${layout}, signs an assertion for this endpoint alone`, async () => {
    const { certPem, keyPem } = await emulator.certificateFor(['gateway'], 'rsa')
    emulator.entra.trustCertificate(certPem)
    const isApart = layout === 'key in a file of its own'
    const together = layout === 'key before the certificate' ? keyPem + certPem : certPem + keyPem
    const file = await entra.file('tls.crt', isApart ? certPem : together)
    const keyFile = isApart ? { keyFile: await entra.file('tls.key', keyPem) } : {}
    const exchange = entra.exchange({ credential: { type: 'certificate', file, ...keyFile } })
    await exchange()
    await exchange()
    const [one, other] = emulator.entra.requests.map(({ body }) => {
      return new URLSearchParams(body.toString()).get('client_assertion') ?? ''
    })
    assert.ok(one !== undefined && other !== undefined)
    assert.equal(decodeProtectedHeader(one).alg, 'PS256')
    const { aud } = decodeJwt(one)
    assert.equal(aud, `${emulator.url}/${emulator.entra.tenantId}/oauth2/v2.0/token`)
    assert.notEqual(decodeJwt(one).jti, decodeJwt(other).jti)
  })
}

test('a certificate and its key are read at each exchange, so that a rotated pair is used by the next', async () => {
  const [old, renewed] = [
    await emulator.certificateFor(['gateway'], 'rsa'),
    await emulator.certificateFor(['gateway'], 'rsa'),
  ]
  const write = async ({ certPem, keyPem }: typeof old): Promise<CredentialSource> => ({
    type: 'certificate',
    file: await entra.file('rotated.crt', certPem),
    keyFile: await entra.file('rotated.key', keyPem),
  })
  emulator.entra.trustCertificate(old.certPem)
  const exchange = entra.exchange({ credential: await write(old) })
  await exchange()
  // Put in place before it is uploaded: the exchange fails, and the next one after the upload does not.
  await write(renewed)
  assert.match((await failureOf(exchange)).message, /AADSTS700027/)
  emulator.entra.trustCertificate(renewed.certPem)
  await exchange()
  const usedPrint = decodeProtectedHeader(form().get('client_assertion') ?? '')['x5t#S256']
  const { fingerprint256 } = new X509Certificate(renewed.certPem)
  assert.equal(
    Buffer.from(String(usedPrint), 'base64url').toString('hex'),
    fingerprint256.replaceAll(':', '').toLowerCase(),
  )
})

test('the end of a certificate is told at each exchange, of one that has ended as well', async () => {
  const ends: number[] = []
  const exchangeWith = async (certPem: string, keyPem: string): Promise<() => Promise<unknown>> =>
    entra.exchange({
      credential: { type: 'certificate', file: await entra.file('tls.crt', certPem + keyPem) },
      certificateUsed: (end) => void ends.push(end),
    })
  const { certPem, keyPem } = await emulator.certificateFor(['gateway'], 'rsa')
  emulator.entra.trustCertificate(certPem)
  await (
    await exchangeWith(certPem, keyPem)
  )()
  const [expired, expiredKey] = await expiredCertificate()
  await assert.rejects(await exchangeWith(expired, expiredKey), /expired/)
  const endOf = (pem: string): number => new X509Certificate(pem).validToDate.getTime()
  assert.deepEqual(ends, [endOf(certPem), endOf(expired)])
})

const refused: readonly (readonly [
  what: string,
  files: () => Promise<[certificate: string, key: string]>,
  says: RegExp,
])[] = [
  [
    'a key of another certificate',
    async () => {
      const [mine, other] = [
        await emulator.certificateFor(['a'], 'rsa'),
        await emulator.certificateFor(['b'], 'rsa'),
      ]
      return [mine.certPem, other.keyPem]
    },
    /the key does not belong to the certificate/,
  ],
  [
    'an EC key',
    async () => {
      const { certPem, keyPem } = await emulator.certificateFor(['a'], 'ec')
      return [certPem, keyPem]
    },
    /RSA keys only, and this one is ec/,
  ],
  ['a certificate that has expired', expiredCertificate, /expired on .*2020/],
  ['no PEM at all', () => Promise.resolve(['not PEM', 'canary-not-a-key']), /Give a PEM certificate/],
  [
    'a certificate without its key',
    async () => {
      const { certPem } = await emulator.certificateFor(['a'], 'rsa')
      return [certPem, certPem]
    },
    /Give a PEM certificate and its unencrypted RSA private key/,
  ],
]

for (const [what, files, says] of refused) {
  test(`${what} is told to the operator with the files, and nothing is sent to Entra`, async () => {
    const [certificate, key] = await files()
    const file = await entra.file('bad.crt', certificate)
    const keyFile = await entra.file('bad.key', key)
    const keyText = key.split('\n')[1] ?? key
    const failure = await failureOf(
      entra.exchange({ credential: { type: 'certificate', file, keyFile } }),
      ...(keyText.length >= 10 ? [keyText] : []),
    )
    assert.match(failure.message, says)
    assert.ok(failure.message.includes(file) && failure.message.includes(keyFile))
    assert.equal(emulator.entra.requests.length, 0)
  })
}

test('a credential file that is missing or empty is told by its name, and nothing is sent', async () => {
  const missing = await failureOf(entra.exchange({ credential: { type: 'secret', file: '/no/such/secret' } }))
  assert.match(missing.message, /cannot be read: \/no\/such\/secret \(ENOENT\)/)
  const tokenFile = await entra.file('empty', ' \n')
  const empty = await failureOf(entra.exchange({ credential: { type: 'federated', tokenFile } }))
  assert.ok(empty.message.includes(`is empty: ${tokenFile}`))
  assert.equal(emulator.entra.requests.length, 0)
})

test('a tenant or a client in capitals is the same one', async () => {
  const { tenantId, clientId } = emulator.entra
  await entra.exchange({ tenantId: tenantId.toUpperCase(), clientId: clientId.toUpperCase() })()
  assert.equal(emulator.entra.exchanges, 1)
})

test('a secret with every kind of character reaches Entra as it is', async () => {
  const odd = 'a+b c&d=e%20f~"é✓'
  await failureOf(entra.exchange({ credential: secretOf(odd) }), odd)
  assert.equal(form().get('client_secret'), odd)
})
