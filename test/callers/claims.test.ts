import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { after, test } from 'node:test'
import { recordsIn } from '../world/recorded.ts'
import { reasonOf, startForgedWorld } from './forge.ts'

let trail = ''
const auditSink = new Writable({
  write(bytes: Buffer, _encoding, done) {
    trail += bytes.toString('latin1')
    done()
  },
})
const entra = {
  idtyp: 'app',
  roles: ['Sessions.Read', 'Sessions.List'],
  admin_consent: true,
  level: 3,
}
const world = await startForgedWorld(
  ({ issuer: { url } }) => ({
    issuers: {
      entra: { type: 'oidc', issuer: url, audience: 'entra.test', subject: 'azp', require: entra },
      named: { type: 'oidc', issuer: url, audience: 'named.test' },
    },
    access: {
      apps: { callers: [{ issuer: 'entra', subject: '6f0c2d9e-*' }], workspaces: ['*'] },
      people: { callers: [{ issuer: 'named', subject: '*' }], workspaces: ['*'] },
    },
  }),
  { auditSink },
)
after(() => world[Symbol.asyncDispose]())

const { forge, claims } = world
const azp = '6f0c2d9e-1111-4222-8333-444455556666'
const app = { ...entra, aud: 'entra.test', azp, sub: 'an object id' }

test('an application with every required claim is known by the claim that names it', async () => {
  const reply = await world.askWith(`Bearer ${forge.sign(claims({ ...app, jti: 'token-1' }))}`)
  assert.equal(reply.status, 200)
  const record = recordsIn(trail).at(-1)
  assert.partialDeepStrictEqual(record, { issuer: 'entra', subject: azp, tokenId: 'token-1', rule: 'apps' })
})

test('more roles than are required, in another order, do no harm', async () => {
  const roles = ['Else', 'Sessions.List', 'Sessions.Read']
  assert.equal((await world.askWith(`Bearer ${forge.sign(claims({ ...app, roles }))}`)).status, 200)
})

for (const [what, change, missing] of [
  ['without any role', { roles: undefined }, 'roles'],
  ['with one role of the two', { roles: ['Sessions.Read'] }, 'roles'],
  ['with an empty list of roles', { roles: [] }, 'roles'],
  ['with the roles in one text', { roles: 'Sessions.Read Sessions.List' }, 'roles'],
  ['with roles in another case', { roles: ['sessions.read', 'sessions.list'] }, 'roles'],
  ['with roles that begin like those', { roles: ['Sessions.ReadWrite', 'Sessions.List'] }, 'roles'],
  ['with a map of roles', { roles: { 'Sessions.Read': true, 'Sessions.List': true } }, 'roles'],
  ['of a user', { idtyp: 'user' }, 'idtyp'],
  ['without idtyp', { idtyp: undefined }, 'idtyp'],
  ['with idtyp in a list', { idtyp: ['app'] }, 'idtyp'],
  ['with false for true', { admin_consent: false }, 'admin_consent'],
  ['with "true" for true', { admin_consent: 'true' }, 'admin_consent'],
  ['with 1 for true', { admin_consent: 1 }, 'admin_consent'],
  ['with another number', { level: 4 }, 'level'],
  ['with the number in quotes', { level: '3' }, 'level'],
] as const) {
  test(`an application's token ${what} is refused, and the log names the claim`, async () => {
    const reply = await world.askWith(`Bearer ${forge.sign(claims({ ...app, ...change }))}`)
    assert.equal(reply.status, 401)
    // Three issuers share this iss: what each of them has against the token is told, or the one that matters is lost.
    const reasons = reasonOf(world, reply).split('; ')
    assert.equal(reasons.length, 3)
    assert.match(reasons[0] ?? '', /^issuer oidc: its aud is .*, and issuers\.oidc\.audience is "/)
    const found = JSON.stringify({ ...app, ...change }[missing]) ?? 'absent'
    const said = `issuer entra: its claim "${missing}" is ${found}, and issuers.entra.require asks for `
    assert.equal(reasons[1]?.slice(0, said.length), said)
    assert.match(reasons[2] ?? '', /^issuer named: its aud is /)
    assert(!reply.body.includes(missing))
  })
}

test('a token whose naming claim is missing is not known by another', async () => {
  const reply = await world.askWith(`Bearer ${forge.sign(claims({ ...app, azp: undefined }))}`)
  assert.equal(reply.status, 401)
  assert.match(reasonOf(world, reply), /its claim "azp" does not name a subject of 1 to 256 characters/)
})

for (const [what, sub] of [
  ['is absent', undefined],
  ['is empty', ''],
  ['is a number', 7],
  ['is a list', ['reader']],
  ['has 257 characters', 'x'.repeat(257)],
  ['has a line break', 'reader\nadmin'],
  ['has a NUL', 'reader\u0000'],
  ['has a DEL', 'reader\u007f'],
  ['has a C1 control', 'reader\u0085'],
  ['is written backwards', '\u202eredaer'],
  ['has a zero-width space', 'rea\u200bder'],
  ['is half a character', 'reader\ud800'],
] as const) {
  test(`a subject that ${what} names nobody`, async () => {
    const reply = await world.askWith(`Bearer ${forge.sign(claims({ aud: 'named.test', sub }))}`)
    assert.equal(reply.status, 401)
    assert.match(reasonOf(world, reply), /its claim "sub" does not name a subject/)
  })
}

test('a subject in any script is accepted, and recorded in ASCII', async () => {
  for (const sub of ['x'.repeat(256), 'Zoë', 'читатель', '読者', 'robot 🤖', 'a"b\\c', '\u2028']) {
    const before = trail.length
    const reply = await world.askWith(`Bearer ${forge.sign(claims({ aud: 'named.test', sub }))}`)
    assert.equal(reply.status, 200, sub)
    const lines = trail.slice(before)
    assert.match(lines, /^(?:[\x20-\x7e]+\n)+$/, sub)
    assert.partialDeepStrictEqual(recordsIn(lines).at(-1), { issuer: 'named', subject: sub, rule: 'people' })
  }
})

test('a token id that cannot be read is left out, and the caller is known all the same', async () => {
  for (const jti of ['a\nb', 'x'.repeat(257), 7, '']) {
    const before = trail.length
    const reply = await world.askWith(`Bearer ${forge.sign(claims({ aud: 'named.test', jti }))}`)
    assert.equal(reply.status, 200)
    const record = recordsIn(trail.slice(before)).at(-1) ?? {}
    assert.equal(record['subject'], 'reader')
    assert(!('tokenId' in record), JSON.stringify(jti))
  }
})
