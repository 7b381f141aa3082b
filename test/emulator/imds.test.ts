import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import { emulatorAndClient, sessionPath } from './client.ts'

const one = '11111111-2222-3333-4444-555555555555'
const other = '66666666-2222-3333-4444-555555555555'

test('IMDS gives the machine’s own identity a token that Graph knows', async () => {
  await using client = await emulatorAndClient({ now: () => 1_800_000_000_500 })
  const { status, json, headers } = await client.machineToken()
  assert.equal(status, 200)
  const { access_token: token, ...rest } = json
  assert.deepEqual(rest, {
    client_id: client.emulator.entra.clientId,
    expires_in: '86400',
    expires_on: '1800086400',
    ext_expires_in: '86400',
    not_before: '1800000000',
    resource: 'https://graph.microsoft.com',
    token_type: 'Bearer',
  })
  assert.match(String(headers['server']), /^IMDS\//)
  assert.equal(decodeJwt(token)['appid'], client.emulator.entra.clientId)
  assert.equal((await client.ask(sessionPath, { headers: { authorization: `Bearer ${token}` } })).status, 200)
})

test('IMDS gives a token that it keeps until five minutes before its end, whatever has been granted since', async () => {
  let now = 1_800_000_000_000
  await using client = await emulatorAndClient({ now: () => now })
  const { emulator } = client
  const first = (await client.machineToken()).json
  emulator.entra.roles = []
  now += (86_400 - 300) * 1000
  const again = (await client.machineToken()).json
  assert.deepEqual([again.access_token, again.expires_in], [first.access_token, '300'])
  now += 1000
  const next = (await client.machineToken()).json
  assert.notEqual(next.access_token, first.access_token)
  assert.equal(decodeJwt(next.access_token)['roles'], undefined)
  emulator.imds.forgetTokens()
  assert.notEqual((await client.machineToken()).json.access_token, next.access_token)
})

test('IMDS chooses where none is named: its own identity, or the only other one', async () => {
  await using client = await emulatorAndClient()
  const { imds } = client.emulator
  const chosen = async (named?: string): Promise<unknown> => {
    const { status, json } = await client.machineToken({ client_id: named })
    return status === 200 ? decodeJwt(json.access_token)['appid'] : `${status} ${json.error_description}`
  }
  const [system, first, second] = [
    { assigned: 'system', clientId: 'aaaaaaaa-2222-3333-4444-555555555555' },
    { assigned: 'user', clientId: one, roles: ['Mail.Read'] },
    { assigned: 'user', clientId: other },
  ] as const
  imds.identities = [first]
  assert.deepEqual([await chosen(), await chosen(one), await chosen(one.toUpperCase())], [one, one, one])
  assert.equal(await chosen(other), '400 Identity not found')
  imds.identities = [first, second]
  assert.match(String(await chosen()), /^400 Multiple user assigned identities exist/)
  assert.equal(await chosen(other), other)
  imds.identities = [first, second, system]
  assert.equal(await chosen(), system.clientId)
  assert.equal(await chosen(system.clientId), '400 Identity not found')
  imds.identities = []
  assert.equal(await chosen(), '400 Identity not found')
})

const wrong: readonly (readonly [
  what: string,
  query: Record<string, string | undefined>,
  headers: Record<string, string | undefined>,
  says: RegExp,
])[] = [
  ['without its header', {}, { metadata: undefined }, /metadata header not specified/],
  ['for somebody else', {}, { 'x-forwarded-for': '192.0.2.7' }, /X-Forwarded-For/],
  ['of another version', { 'api-version': '2017-01-01' }, {}, /api-version/],
  ['for nothing', { resource: undefined }, {}, /resource/],
  ['for another resource', { resource: 'https://vault.azure.net' }, {}, /^AADSTS500011/],
]

for (const [what, query, headers, says] of wrong) {
  test(`IMDS refuses a question ${what}`, async () => {
    await using client = await emulatorAndClient()
    const { status, json } = await client.machineToken(query, headers)
    assert.equal(status, 400)
    assert.match(json.error_description, says)
  })
}
