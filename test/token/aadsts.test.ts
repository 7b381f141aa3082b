import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { failureOf, startEntra } from './entra.ts'

const entra = await startEntra()
const { emulator } = entra
const { clientId } = emulator.entra
after(() => entra[Symbol.asyncDispose]())
beforeEach(() => emulator.reset())

const subject = 'system:serviceaccount:soc:gateway'
const audience = 'api://AzureADTokenExchange'
const issuer = emulator.cluster.issuerUrl

function projected(claims: Record<string, unknown> = {}): Promise<string> {
  return emulator.issuer.serviceAccountToken({
    namespace: 'soc',
    serviceAccount: 'gateway',
    audience,
    claims,
  })
}

/** What the operator reads when Entra refuses this federated token. */
async function toldOf(assertion: string): Promise<string> {
  const tokenFile = await entra.file('assertion', assertion)
  const exchange = entra.exchange({ credential: { type: 'federated', tokenFile } })
  const [, payload = '', signature = ''] = assertion.split('.')
  return (await failureOf(exchange, assertion, payload, signature)).message
}

const says = `the token says iss "${issuer}", sub "${subject}", aud ["${audience}"]`
const create = `az ad app federated-credential create --id ${clientId} --parameters '{"name":"session-gateway","issuer":"${issuer}","subject":"${subject}","audiences":["${audience}"]}'`
const outOfReach = ['.well-known/openid-configuration', 'reachable from the internet', says]

/** Every number of which the operator reads what to do, with the words that matter. */
const table: Readonly<Record<number, readonly string[]>> = {
  50034: ['identity.tenantId and identity.clientId'],
  50166: outOfReach,
  53003: ['a Conditional Access policy for workload identities blocks this application', 'sign-in log'],
  70011: ['the scope is not valid', 'identity.authorityHost'],
  70021: [says, create],
  90002: ['no such tenant in this cloud', 'identity.tenantId and identity.authorityHost'],
  90024: ['temporarily unavailable', 'tries again by itself'],
  90033: ['temporarily unavailable', 'tries again by itself'],
  90055: ['throttles this tenant', 'waits as it was asked to'],
  90061: outOfReach,
  90090: ['temporarily unavailable', 'tries again by itself'],
  100007: ['regional endpoints', 'identity.authorityHost'],
  500011: ['Microsoft Graph has no service principal in this tenant'],
  501661: outOfReach,
  700016: ['no such application in this tenant', 'identity.clientId and identity.tenantId'],
  700024: ['outside its time', 'this machine’s clock says', 'The token is valid from', 'is being renewed'],
  700027: ['the signature of the client assertion was refused', 'upload the certificate'],
  700211: ['the token’s issuer, to the letter', says, create],
  700212: [says, `with the audience ${audience}`, 'az ad app federated-credential update'],
  700213: ['the token’s subject, to the letter', says, create],
  7000112: ['the application is disabled', 'enable its service principal'],
  7000215: ['the client secret is wrong', 'not its id'],
  7000218: ['received no credential', 'identity.credential'],
  7000222: ['the client secret has expired', 'no restart is needed'],
}

let assertion = ''
before(async () => {
  assertion = await projected()
})

for (const [number, words] of Object.entries(table)) {
  test(`AADSTS${number} is told with Entra's words and with what to do`, async () => {
    emulator.fail('token', { kind: 'entraError', aadsts: Number(number) })
    const message = await toldOf(assertion)
    assert.match(message, new RegExp(`^Entra answered \\d{3} \\(\\w+: AADSTS${number}: [A-Z].*What to do: `))
    // Entra's own text, and not the one for a number that the emulator does not know.
    assert.doesNotMatch(message, /An error occurred while processing the request/)
    for (const word of words) assert.ok(message.includes(word), `${word}\nis not in\n${message}`)
  })
}

test('an assertion that no federated credential matches is told with the one command that mends it', async () => {
  emulator.entra.trustFederated({ issuer, subject })
  const other = 'https://other.example'
  const byIssuer = await toldOf(await projected({ iss: other }))
  assert.match(byIssuer, /AADSTS700211/)
  assert.ok(byIssuer.includes(create.replace(issuer, other)), byIssuer)
  const bySubject = await toldOf(await projected({ sub: 'system:serviceaccount:soc:other' }))
  assert.match(bySubject, /AADSTS700213/)
  assert.ok(bySubject.includes(create.replace(':gateway"', ':other"')), bySubject)
  const byAudience = await toldOf(await projected({ aud: ['other'] }))
  assert.match(byAudience, /AADSTS700212/)
  assert.ok(byAudience.includes(`--federated-credential-id session-gateway --parameters '{`), byAudience)
  assert.ok(byAudience.includes(`"audiences":["other"]}'`), byAudience)
  // What the command asks for is what Entra then takes.
  emulator.entra.trustFederated({ issuer, subject, audience: 'other' })
  const tokenFile = await entra.file('assertion', await projected({ aud: ['other'] }))
  await entra.exchange({ credential: { type: 'federated', tokenFile } })()
})

test('what a token says cannot break out of the command, or out of the line', async () => {
  emulator.fail('token', { kind: 'entraError', aadsts: 700213 }, Infinity)
  const quoted = await toldOf(await projected({ sub: `it's; $(reboot) "here"` }))
  assert.ok(quoted.includes(String.raw`"subject":"it'\''s; $(reboot) \"here\""`), quoted)
  const controls = await toldOf(await projected({ sub: 'a\n\u001b[31mb\u202e' }))
  assert.doesNotMatch(controls, /\p{C}/u)
  assert.ok(controls.includes(`"subject":"<the token'\\''s sub>"`), controls)
  const long = await toldOf(await projected({ sub: 'x'.repeat(10_000) }))
  assert.ok(long.length < 4_000)
  assert.ok(long.includes(`"subject":"<the token'\\''s sub>"`), long)
  for (const sub of [undefined, 7, { a: 1 }, ['b']]) {
    assert.ok((await toldOf(await projected({ sub }))).includes(`"subject":"<the token'\\''s sub>"`))
  }
})

test('a token file that holds no token at all is told, and nothing of what it holds', async () => {
  emulator.fail('token', { kind: 'entraError', aadsts: 700211 })
  const tokenFile = await entra.file('assertion', 'canary-that-is-no-token')
  const exchange = entra.exchange({ credential: { type: 'federated', tokenFile } })
  const { message } = await failureOf(exchange, 'canary-that-is-no-token')
  assert.match(message, /the token says iss absent, sub absent, aud absent/)
})
