import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { createTokenProvider, type Exchange, redisLogins, redisResource } from '../../src/token/index.ts'
import { startEntra } from '../token/entra.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { type Redis, startRedis, until } from '../world/redis.ts'
import { connected, type Observed, observe, put } from './redis-client.ts'

const entra = await startEntra()
const { objectId } = entra.emulator.entra
after(() => entra[Symbol.asyncDispose]())
beforeEach(() => entra.emulator.reset())

const fromEntra = entra.exchange({ resource: redisResource })
const fiftyMinutesMs = 50 * 60_000

/** As Azure's: the service principal is a user, and the token that it has been given last its password. */
function knownTo(redis: Redis): Exchange {
  return async () => {
    const token = await fromEntra()
    await redis.command(
      'ACL',
      'SETUSER',
      objectId,
      'on',
      'resetpass',
      `>${token.value}`,
      'allkeys',
      'allchannels',
      '+@all',
    )
    return token
  }
}

function providerOf(exchange: Exchange, clock: FakeClock): ReturnType<typeof createTokenProvider> {
  const observer = { exchanged: () => {}, failed: () => {} }
  return createTokenProvider({ exchange, clock, random: () => 0, needsRole: false, observer })
}

async function idsOf(redis: Redis): Promise<string[]> {
  const list = String(await redis.command('CLIENT', 'LIST'))
  return list
    .split('\n')
    .filter((line) => line.includes(`user=${objectId}`))
    .map((line) => /id=\d+/.exec(line)?.[0] ?? '')
    .toSorted()
}

async function authsOf(redis: Redis): Promise<string | undefined> {
  return /cmdstat_auth:calls=(\d+),.*failed_calls=0/.exec(
    String(await redis.command('INFO', 'commandstats')),
  )?.[1]
}

test('a token of Entra opens Redis, and the next one is told on both connections before it ends', async () => {
  await using redis = await startRedis()
  const clock = createFakeClock()
  const provider = providerOf(knownTo(redis), clock)
  const credentials = { type: 'entra', tokens: redisLogins(provider) } as const
  await using world = await connected({ servers: { url: redis.url }, credentials })
  await world.connection.subscribe('c', () => {})
  const before = await idsOf(redis)
  assert.equal(before.length, 2)
  assert.equal(await authsOf(redis), undefined)
  clock.advance(fiftyMinutesMs)
  await until(async () => assert.equal(await authsOf(redis), '2'))
  assert.deepEqual(await idsOf(redis), before)
  assert.equal(entra.emulator.entra.exchanges, 2)
  await world.connection.run(put, ['a'], ['1'])
  // Whoever connects from now on does so by the new one: Redis has forgotten the other.
  const ready = world.ready()
  await redis.command('CLIENT', 'KILL', 'USER', objectId)
  await ready
  assert.equal((await idsOf(redis)).length, 2)
  assert.deepEqual(authenticationFailuresOf(world), [])
  provider.close()
})

test('a connection that has ended is told of no token', async () => {
  await using redis = await startRedis()
  const clock = createFakeClock()
  const provider = providerOf(knownTo(redis), clock)
  const logins = redisLogins(provider)
  let told = 0
  const tokens: typeof logins = {
    ...logins,
    subscribe: (listener) =>
      logins.subscribe((login) => {
        told += 1
        listener(login)
      }),
  }
  await using world = await connected({ servers: { url: redis.url }, credentials: { type: 'entra', tokens } })
  for (let times = 0; times < 3; times += 1) {
    const ready = world.ready()
    await redis.command('CLIENT', 'KILL', 'USER', objectId)
    await ready
  }
  told = 0
  clock.advance(fiftyMinutesMs)
  await until(async () => assert.equal(await authsOf(redis), '2'))
  assert.equal(told, 2)
  provider.close()
})

test('a token that Redis refuses ends the connection, and is told without it', async () => {
  await using redis = await startRedis()
  const clock = createFakeClock()
  let exchange = knownTo(redis)
  const provider = providerOf(() => exchange(), clock)
  const credentials = { type: 'entra', tokens: redisLogins(provider) } as const
  await using world = await connected({ servers: { url: redis.url }, credentials })
  exchange = fromEntra
  const failed = world.failed('authentication')
  clock.advance(fiftyMinutesMs)
  const { message } = await failed
  assert.match(message, /WRONGPASS/)
  assert.ok(!message.includes(await provider.get()))
  provider.close()
})

test('while Entra refuses, Redis is not asked, and the operator reads why', async () => {
  await using redis = await startRedis()
  const clock = createFakeClock()
  entra.emulator.fail('token', { kind: 'entraError', aadsts: 500011 }, 100)
  const provider = providerOf(fromEntra, clock)
  const credentials = { type: 'entra', tokens: redisLogins(provider) } as const
  await using world = observe({ servers: { url: redis.url }, credentials })
  const { message } = await world.failed('authentication')
  assert.match(message, /no token for Redis: Entra answered 400 \(.*AADSTS500011/)
  assert.doesNotMatch(String(await redis.command('INFO', 'commandstats')), /cmdstat_(hello|auth)/)
  provider.close()
})

function authenticationFailuresOf({ failures }: Observed): string[] {
  return failures.filter(({ kind }) => kind === 'authentication').map(({ message }) => message)
}
