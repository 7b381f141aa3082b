import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { getCACertificates, rootCertificates, setDefaultCACertificates } from 'node:tls'
import { after, test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { createAuthority } from '../../src/emulator/certificate.ts'
import { createOutbound, type Outbound } from '../../src/outbound/index.ts'
import { asking, authority, httpsServer, localhost, ofKind, outbound, selfSigned } from './counterpart.ts'

after(() => outbound.close())

const other = await createAuthority()
const elsewhere = await other.issue(['localhost'])

function wayOut(trust: { extraCa?: string; onlyCa?: string } = {}): AsyncDisposable & Outbound {
  const made = createOutbound({ clock: systemClock, ...trust })
  return { ...made, [Symbol.asyncDispose]: () => made.close() }
}

test('a certificate that no trusted authority signed is a tls_certificate_error, and nothing is asked', async () => {
  let requests = 0
  await using server = await httpsServer(() => (requests += 1), elsewhere)
  await assert.rejects(outbound.send(asking(server.origin)), ofKind('tls_certificate_error'))
  await using unfurnished = wayOut()
  await assert.rejects(unfurnished.send(asking(server.origin)), ofKind('tls_certificate_error'))
  assert.equal(requests, 0)
})

test('a certificate for another name is a tls_certificate_error, and nothing is asked', async () => {
  let requests = 0
  await using server = await httpsServer(() => (requests += 1), await authority.issue(['elsewhere.example']))
  await assert.rejects(outbound.send(asking(server.origin)), ofKind('tls_certificate_error'))
  assert.equal(requests, 0)
})

for (const [what, from, to] of [
  ['has expired', -10, -1],
  ['is not valid yet', 1, 10],
] as const) {
  test(`a certificate that ${what} is a tls_certificate_error, although it is trusted`, async () => {
    const keys = await selfSigned(from, to)
    await using server = await httpsServer((_request, response) => void response.end(), keys)
    await using trusting = wayOut({ onlyCa: keys.certPem })
    await assert.rejects(trusting.send(asking(server.origin)), ofKind('tls_certificate_error'))
  })
}

test('a self-signed certificate is believed when it is itself the authority', async () => {
  const keys = await selfSigned(-1, 1)
  await using server = await httpsServer((_request, response) => void response.end('ok'), keys)
  await using trusting = wayOut({ onlyCa: keys.certPem })
  assert.equal((await trusting.send(asking(server.origin))).status, 200)
  await assert.rejects(outbound.send(asking(server.origin)), ofKind('tls_certificate_error'))
})

test("extraCa adds to the system's authorities, onlyCa replaces them", async () => {
  const system = getCACertificates('default')
  // The system's trust, for this test: an authority whose key is at hand.
  setDefaultCACertificates([...rootCertificates.slice(0, 1), other.certPem])
  try {
    await using ofTheSystem = await httpsServer((_request, response) => void response.end(), elsewhere)
    await using ofTheCompany = await httpsServer((_request, response) => void response.end(), localhost)
    await using plain = wayOut()
    await using extra = wayOut({ extraCa: authority.certPem })
    await using only = wayOut({ onlyCa: authority.certPem })
    const meets = async (way: Outbound, { origin }: { origin: string }): Promise<string> =>
      way.send(asking(origin)).then(
        ({ status }) => String(status),
        (error: { kind: string }) => error.kind,
      )
    const table = await Promise.all(
      [plain, extra, only].map((way) => Promise.all([meets(way, ofTheSystem), meets(way, ofTheCompany)])),
    )
    assert.deepEqual(table, [
      ['200', 'tls_certificate_error'],
      ['200', '200'],
      ['tls_certificate_error', '200'],
    ])
  } finally {
    setDefaultCACertificates(system)
  }
})

test('several certificates in one file are all believed', async () => {
  await using server = await httpsServer((_request, response) => void response.end(), elsewhere)
  await using both = wayOut({ extraCa: authority.certPem + other.certPem })
  assert.equal((await both.send(asking(server.origin))).status, 200)
})

for (const [variable, value] of [
  ['NODE_EXTRA_CA_CERTS', (folder: string) => join(folder, 'ca.pem')],
  ['SSL_CERT_FILE', (folder: string) => join(folder, 'ca.pem')],
  ['SSL_CERT_DIR', (folder: string) => folder],
] as const) {
  test(`an authority that ${variable} names is trusted, as Node and OpenSSL have it`, async () => {
    await using server = await httpsServer((_request, response) => void response.end('ok'), elsewhere)
    const folder = await mkdtemp(join(tmpdir(), 'session-gateway-trust-'))
    await writeFile(join(folder, 'ca.pem'), other.certPem)
    const source = new URL('../../src/', import.meta.url)
    const program = `
      import { createOutbound } from '${new URL('outbound/index.ts', source).href}'
      import { systemClock } from '${new URL('clock.ts', source).href}'
      const way = createOutbound({ clock: systemClock })
      const asking = ${JSON.stringify(asking(server.origin))}
      console.log((await way.send(asking).catch(({ kind }) => ({ status: kind }))).status)
      await way.close()`
    const meets = async (env: Record<string, string>): Promise<string> => {
      const asModule = ['--input-type=module', '--eval', program]
      const { stdout } = await promisify(execFile)(process.execPath, asModule, { env })
      return stdout.trim()
    }
    assert.equal(await meets({}), 'tls_certificate_error')
    assert.equal(await meets({ [variable]: value(folder) }), '200')
    await rm(folder, { recursive: true })
  })
}
