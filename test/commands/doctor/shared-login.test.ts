import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { after, beforeEach, test } from 'node:test'
import { untilShared } from '../../shared/fleet.ts'
import { startRedis } from '../../world/redis.ts'
import { startWorld } from '../../world/world.ts'
import { saidBy, startPatient, troubles } from './patient.ts'

const patient = await startPatient()
const { emulator, inFolder } = patient
const password = randomBytes(12).toString('hex')
const redis = await startRedis({ password })
after(async () => {
  await patient[Symbol.asyncDispose]()
  await redis[Symbol.asyncDispose]()
})
beforeEach(() => emulator.reset())
await writeFile(inFolder('keys'), `one ${randomBytes(32).toString('base64')}\n`)
await writeFile(inFolder('password'), password)

const shared = (auth: object, url = redis.url): Record<string, object> => ({
  cache: { shared: { keysFile: inFolder('keys'), timeout: '5s', url, auth } },
})
const entra = shared({ type: 'entra' })
const byPassword = (username: string) => ({ type: 'passwordFile', file: inFolder('password'), username })

test('what a user is to be permitted, as the doctor says it, is enough for it and for the gateway', async () => {
  await redis.command('ACL', 'SETUSER', 'least', 'on', `>${password}`, '-@all')
  const before = await patient.lines(shared(byPassword('least')))
  assert.equal(troubles(before)[0], 'failed cache.shared')
  const [, rules = ''] = /ACL SETUSER … (.*)/.exec(saidBy(before, 'cache.shared')) ?? []
  await redis.command('ACL', 'SETUSER', 'least', 'resetkeys', 'resetchannels', ...rules.split(' '))
  await redis.command('ACL', 'LOG', 'RESET')
  const lines = await patient.lines(shared(byPassword('least')))
  assert.deepEqual(troubles(lines), [])
  assert.ok(!JSON.stringify([before, lines]).includes(password))

  await using world = await startWorld({ config: shared(byPassword('least')) })
  await untilShared(world)
  assert.equal((await world.ask()).status, 200)
  const purged = await world.manage('/cache', { method: 'DELETE', token: await world.workloadToken('ops') })
  assert.equal(purged.status, 200)
  assert.equal((await world.ask()).status, 200)
  assert.deepEqual(await redis.command('ACL', 'LOG'), [])
})

test('with the rights that the guide gives, the doctor misses nothing but what INFO would say', async () => {
  const guide = await readFile('docs/guides/shared-cache.md', 'utf8')
  const [, rule = ''] = /ACL SETUSER session-gateway reset on >the-password ([^]*?)\n\n/.exec(guide) ?? []
  const words = rule.split(/[\s\\]+/)
  await redis.command('ACL', 'SETUSER', 'guided', 'reset', 'on', `>${password}`, ...words)
  const lines = await patient.lines(shared(byPassword('guided')))
  assert.deepEqual(troubles(lines), ['skipped cache.shared server', 'skipped cache.shared server'])
})

test('a replica that listens is counted', async () => {
  await using world = await startWorld({ config: shared(byPassword('default')) })
  await untilShared(world)
  assert.match(
    saidBy(await patient.lines(shared(byPassword('default'))), 'cache.shared server'),
    /1 replica listens there now, under the prefix session-gateway/,
  )
})

test('with auth of type entra it comes with a token, and costs one more exchange', async () => {
  const { objectId } = emulator.entra
  await redis.command('ACL', 'SETUSER', objectId, 'on', 'nopass', '~*', '&*', '+@all')
  const lines = await patient.lines(entra)
  await redis.command('ACL', 'DELUSER', objectId)
  assert.deepEqual(troubles(lines), [])
  assert.ok(saidBy(lines, 'cache.shared').includes(`as the user ${objectId}, with a token of Entra`))
  assert.equal(emulator.entra.exchanges, 2)
})

const others = ['skipped cache.shared commands', 'skipped cache.shared server']

test('an identity that Redis does not know is told where it is made known', async () => {
  const lines = await patient.lines(entra)
  assert.deepEqual(troubles(lines), ['failed cache.shared', ...others])
  assert.match(saidBy(lines, 'cache.shared'), /WRONGPASS.*\ngive this identity access .*object ID/)
})

test('a token that is given for Graph, and for Redis not, is the failure of Redis alone', async () => {
  // The first exchange is the one of the line token.
  emulator.fail('token', { kind: 'delay', ms: 0 })
  emulator.fail('token', { kind: 'entraError', aadsts: 500011 })
  const lines = await patient.lines(entra)
  assert.deepEqual(troubles(lines), ['failed cache.shared', ...others])
  assert.match(saidBy(lines, 'cache.shared'), /AADSTS500011/)
})

test('without a token for Graph there is none for Redis to be asked for', async () => {
  emulator.fail('token', { kind: 'entraError', aadsts: 7000222 })
  const lines = await patient.lines(entra)
  assert.deepEqual(
    troubles(lines).filter((line) => line.includes('cache.shared')),
    ['skipped cache.shared', ...others],
  )
  assert.match(saidBy(lines, 'cache.shared'), /it needs token/)
})
