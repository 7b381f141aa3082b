import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startRedis, until } from '../world/redis.ts'
import { script } from '../../src/shared/script.ts'
import { connected, get, mailbox, observe, put, refusedWith, tell } from './redis-client.ts'

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

test('every byte comes back as it went, and what is not there is null', async () => {
  await using redis = await startRedis()
  await using world = await connected({ servers: { url: redis.url } })
  const { connection } = world
  assert.deepEqual(await connection.run(put, ['a'], [everyByte]), Buffer.from('OK'))
  assert.deepEqual(await connection.run(get, ['a'], []), everyByte)
  assert.equal(await connection.run(get, ['b'], []), null)
  const mixed = script("return {1, 'x', {redis.call('GET', KEYS[1])}, false}")
  assert.deepEqual(await connection.run(mixed, ['a'], []), [1, Buffer.from('x'), [everyByte], null])
})

test('a script that the server has forgotten is told to it again', async () => {
  await using redis = await startRedis()
  await using world = await connected({ servers: { url: redis.url } })
  await world.connection.run(put, ['a'], ['1'])
  await redis.command('SCRIPT', 'FLUSH')
  assert.deepEqual(await world.connection.run(put, ['a'], ['2']), Buffer.from('OK'))
  await world.connection.run(put, ['a'], ['3'])
  assert.match(String(await redis.command('INFO', 'commandstats')), /cmdstat_eval:calls=2,/)
})

test('an error of the server is told in its words, at most 200 characters, and the connection stays', async () => {
  await using redis = await startRedis()
  await using world = await connected({ servers: { url: redis.url } })
  const failing = script(`return redis.error_reply('ODD ' .. string.rep('x', 1000))`)
  const failure = await refusedWith(world.connection.run(failing, ['a'], []))
  assert.equal(failure.kind, 'refused')
  assert.match(failure.message, /ODD x{100}/)
  assert.ok(failure.message.length <= 230)
  await world.connection.run(put, ['a'], ['1'])
  assert.equal(world.established.length, 2)
})

test('a full server that may throw nothing away refuses, and is still there', async () => {
  await using redis = await startRedis({ config: { maxmemory: '1', 'maxmemory-policy': 'noeviction' } })
  await using world = await connected({ servers: { url: redis.url } })
  const failure = await refusedWith(world.connection.run(put, ['a'], ['1']))
  assert.equal(failure.kind, 'refused')
  assert.match(failure.message, /OOM/)
})

test('who asks before there is a connection is told so at once, and it comes when the server does', async () => {
  const redis = await startRedis()
  await redis.kill()
  await using world = observe({ servers: { url: redis.url } })
  assert.equal((await refusedWith(world.connection.run(get, ['a'], []))).kind, 'away')
  assert.equal((await refusedWith(world.connection.subscribe('c', () => {}))).kind, 'away')
  assert.match((await world.failed('away')).message, /ECONNREFUSED/)
  const ready = world.ready()
  await redis.restart()
  await ready
  assert.equal(await world.connection.run(get, ['a'], []), null)
  await redis[Symbol.asyncDispose]()
})

test('a name that nobody knows is tried again', async () => {
  await using world = observe({ servers: { url: 'redis://redis.invalid' } })
  for (let failures = 0; failures < 4; failures += 1) {
    assert.match((await world.failed('away')).message, /redis\.invalid:6379: .*(ENOTFOUND|EAI_AGAIN)/)
  }
})

test('a server that is killed fails what it was asked, and is asked again when it is back', async () => {
  await using redis = await startRedis()
  await using world = await connected({ servers: { url: redis.url } })
  await world.connection.run(put, ['a'], ['1'])
  const failed = world.failed('away')
  redis.stop()
  const asked = refusedWith(world.connection.run(get, ['a'], []))
  await redis.kill()
  assert.equal((await asked).kind, 'away')
  await failed
  const ready = world.ready()
  await redis.restart()
  await ready
  assert.equal(await world.connection.run(get, ['a'], []), null)
})

test('a server that stands still is given up, on both connections, and found again when it goes on', async () => {
  await using redis = await startRedis()
  await using world = await connected({ servers: { url: redis.url } })
  redis.stop()
  const asked = refusedWith(world.connection.run(get, ['a'], []))
  assert.equal((await asked).kind, 'away')
  await until(async () =>
    assert.equal(world.failures.filter(({ message }) => /nothing came/.test(message)).length, 2),
  )
  assert.equal((await refusedWith(world.connection.run(get, ['a'], []))).kind, 'away')
  assert.equal((await refusedWith(world.connection.subscribe('c', () => {}))).kind, 'away')
  // It takes connections, as its kernel does, and says nothing on them.
  assert.match((await world.failed('away')).message, /no connection within/)
  const ready = world.ready()
  redis.resume()
  await ready
  assert.equal(await world.connection.run(get, ['a'], []), null)
})

test('a server that has become a replica is left, and asked again at the same name', async () => {
  await using master = await startRedis()
  await using redis = await startRedis()
  await using world = await connected({ servers: { url: redis.url } })
  await redis.command('REPLICAOF', '127.0.0.1', String(master.port))
  const failed = world.failed('away')
  assert.match((await refusedWith(world.connection.run(put, ['a'], ['1']))).message, /READONLY|MASTERDOWN/)
  await failed
  await redis.command('REPLICAOF', 'NO', 'ONE')
  await until(() => world.connection.run(put, ['a'], ['1']))
  assert.ok(world.established.length >= 3)
})

test('a message reaches each who listens, byte for byte, until they leave', async () => {
  await using redis = await startRedis()
  await using world = await connected({ servers: { url: redis.url } })
  const { connection } = world
  const [one, other] = [mailbox(), mailbox()]
  const leaving = await Promise.all([one, other].map(({ heard }) => connection.subscribe('c', heard)))
  assert.equal(await connection.run(tell, ['a'], ['c', everyByte]), 1)
  assert.deepEqual(await one.next(), everyByte)
  assert.deepEqual(await other.next(), everyByte)
  leaving[0]?.()
  leaving[0]?.()
  await connection.run(tell, ['a'], ['c', 'second'])
  assert.equal(String(await other.next()), 'second')
  leaving[1]?.()
  await until(async () => assert.deepEqual(await redis.command('PUBSUB', 'NUMSUB', 'c'), ['c', 0]))
  const leave = await connection.subscribe('c', one.heard)
  await connection.run(tell, ['a'], ['c', 'third'])
  assert.equal(String(await one.next()), 'third')
  leave()
  const again = connection.subscribe('c', one.heard)
  await again
  await connection.run(tell, ['a'], ['c', 'fourth'])
  assert.equal(String(await one.next()), 'fourth')
})

test('who listens goes on listening to a server that was started again', async () => {
  await using redis = await startRedis()
  await using world = await connected({ servers: { url: redis.url } })
  const inbox = mailbox()
  await world.connection.subscribe('c', inbox.heard)
  await redis.kill()
  const ready = world.ready()
  await redis.restart()
  await ready
  await world.connection.run(tell, ['a'], ['c', 'after'])
  assert.equal(String(await inbox.next()), 'after')
})
