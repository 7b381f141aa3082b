import assert from 'node:assert/strict'
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { ConfidentialClientApplication } from '@azure/msal-node'
import type { INetworkModule, NetworkRequestOptions, NodeAuthOptions } from '@azure/msal-node'
import { SignJWT } from 'jose'
import { request } from 'undici'
import type { Certificate, Emulator } from '../../src/emulator/index.ts'
import { emulatorAndClient, graphScope, sessionPath } from './client.ts'
import type { Client, Reply } from './client.ts'

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

function present(
  client: Client,
  assertion: string,
  type: string | undefined = assertionType,
): Promise<Reply> {
  return client.exchange({
    client_secret: undefined,
    client_assertion: assertion,
    client_assertion_type: type,
  })
}

function thumbprint(certificate: Certificate, encoding: 'base64url' | 'hex' = 'base64url'): string {
  return createHash('sha256').update(new X509Certificate(certificate.certPem).raw).digest(encoding)
}

function signed(
  emulator: Emulator,
  certificate: Certificate,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  const { clientId, tenantId } = emulator.entra
  const now = Math.floor(Date.now() / 1000)
  const audience = `${emulator.url}/${tenantId}/oauth2/v2.0/token`
  const usual = { iss: clientId, sub: clientId, aud: audience, nbf: now, exp: now + 600 }
  return new SignJWT({ ...usual, ...claims })
    .setProtectedHeader({ alg: 'PS256', 'x5t#S256': thumbprint(certificate), ...header })
    .sign(createPrivateKey(certificate.keyPem))
}

test('an assertion signed by a registered certificate gets a token', async () => {
  await using client = await emulatorAndClient()
  const certificate = await client.emulator.certificateFor(['gateway'], 'rsa')
  client.emulator.entra.trustCertificate(certificate.certPem)
  assert.equal((await present(client, await signed(client.emulator, certificate))).status, 200)
})

const wrongClaims = [
  ['for another application', { iss: 'other', sub: 'other' }, 700021],
  ['with another subject', { sub: 'other' }, 700021],
  ['for another audience', { aud: 'https://login.microsoftonline.com/' }, 700023],
  ['that has expired', { exp: 1 }, 700024],
  ['without an end', { exp: undefined }, 700024],
  ['from the future', { nbf: 99_999_999_999 }, 700024],
] as const

for (const [what, claims, aadsts] of wrongClaims) {
  test(`an assertion ${what} is refused with AADSTS${aadsts}`, async () => {
    await using client = await emulatorAndClient()
    const certificate = await client.emulator.certificateFor(['gateway'], 'rsa')
    client.emulator.entra.trustCertificate(certificate.certPem)
    const { status, json } = await present(client, await signed(client.emulator, certificate, claims))
    assert.deepEqual([status, json.error, json.error_codes], [401, 'invalid_client', [aadsts]])
  })
}

test('an assertion is refused when its key is not the registered one, or nothing is registered', async () => {
  await using client = await emulatorAndClient()
  const certificate = await client.emulator.certificateFor(['gateway'], 'rsa')
  const unknown = await present(client, await signed(client.emulator, certificate))
  assert.deepEqual(unknown.json.error_codes, [700027])
  client.emulator.entra.trustCertificate(certificate.certPem)
  const other = await client.emulator.certificateFor(['gateway'], 'rsa')
  const header = { 'x5t#S256': thumbprint(certificate) }
  const forged = await present(client, await signed(client.emulator, other, {}, header))
  assert.deepEqual(forged.json.error_codes, [700027])
  const weaker = await present(client, await signed(client.emulator, certificate, {}, { alg: 'RS256' }))
  assert.deepEqual(weaker.json.error_codes, [700027])
})

test('an assertion needs its type, and must be a JWT', async () => {
  await using client = await emulatorAndClient()
  const certificate = await client.emulator.certificateFor(['gateway'], 'rsa')
  client.emulator.entra.trustCertificate(certificate.certPem)
  const typeless = await present(client, await signed(client.emulator, certificate), 'jwt')
  assert.deepEqual(typeless.json.error_codes, [7000218])
  assert.deepEqual((await present(client, 'not a JWT')).json.error_codes, [50027])
})

const subject = 'system:serviceaccount:soc:session-gateway'

async function federated(): Promise<Client> {
  const client = await emulatorAndClient()
  const { entra, cluster } = client.emulator
  entra.trustFederated({ issuer: cluster.issuerUrl, subject })
  return client
}

function projected(emulator: Emulator, claims: Record<string, unknown> = {}): Promise<string> {
  return emulator.issuer.serviceAccountToken({
    namespace: 'soc',
    serviceAccount: 'session-gateway',
    audience: 'api://AzureADTokenExchange',
    claims,
  })
}

test("a federated issuer's token gets a token", async () => {
  await using client = await federated()
  assert.equal((await present(client, await projected(client.emulator))).status, 200)
})

const mismatches = [
  ['another issuer', { iss: 'https://other.example' }, 700211],
  ['another audience', { aud: ['session-gateway'] }, 700212],
  ['another subject', { sub: 'system:serviceaccount:soc:other' }, 700213],
  ['a subject in another case', { sub: subject.toUpperCase() }, 700213],
  ['an expiry in the past', { exp: 1 }, 700024],
] as const

for (const [what, claims, aadsts] of mismatches) {
  test(`a federated token with ${what} is refused with AADSTS${aadsts}`, async () => {
    await using client = await federated()
    const { status, json } = await present(client, await projected(client.emulator, claims))
    assert.deepEqual([status, json.error, json.error_codes], [401, 'invalid_client', [aadsts]])
  })
}

test('a federated token signed by a withdrawn key is refused', async () => {
  await using client = await federated()
  const token = await projected(client.emulator)
  await client.emulator.issuer.rotate({ keepOld: false })
  assert.deepEqual((await present(client, token)).json.error_codes, [700027])
  assert.equal((await present(client, await projected(client.emulator))).status, 200)
})

function msal(client: Client, credential: Partial<NodeAuthOptions>): ConfidentialClientApplication {
  const { url, entra } = client.emulator
  const networkClient: INetworkModule = {
    sendGetRequestAsync: (target) => send('GET', target),
    sendPostRequestAsync: (target, options) => send('POST', target, options),
  }
  async function send(method: 'GET' | 'POST', target: string, options: NetworkRequestOptions = {}) {
    const answer = await request(target, {
      dispatcher: client.agent,
      method,
      headers: options.headers ?? {},
      body: options.body ?? null,
    })
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- MSAL trusts what the network gives it
    return { headers: {}, status: answer.statusCode, body: (await answer.body.json()) as never }
  }
  const authority = `${url}/${entra.tenantId}`
  return new ConfidentialClientApplication({
    auth: { clientId: entra.clientId, authority, knownAuthorities: [new URL(url).host], ...credential },
    system: { networkClient },
  })
}

const credentials: Record<string, (emulator: Emulator) => Promise<Partial<NodeAuthOptions>>> = {
  'a secret': (emulator) => Promise.resolve({ clientSecret: emulator.entra.clientSecret }),
  'a certificate': async (emulator) => {
    const certificate = await emulator.certificateFor(['gateway'], 'rsa')
    emulator.entra.trustCertificate(certificate.certPem)
    const thumbprintSha256 = thumbprint(certificate, 'hex')
    return { clientCertificate: { thumbprintSha256, privateKey: certificate.keyPem } }
  },
  'a federated token': async (emulator) => {
    emulator.entra.trustFederated({ issuer: emulator.cluster.issuerUrl, subject })
    return { clientAssertion: await projected(emulator) }
  },
}

for (const [what, credential] of Object.entries(credentials)) {
  test(`MSAL gets a token for ${what}, and Graph takes it`, async () => {
    await using client = await emulatorAndClient()
    const application = msal(client, await credential(client.emulator))
    const result = await application.acquireTokenByClientCredential({ scopes: [graphScope] })
    const headers = { authorization: `Bearer ${result?.accessToken}` }
    assert.equal((await client.ask(sessionPath, { headers })).status, 200)
  })
}
