import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Scope } from '../../src/cache/index.ts'
import { script } from '../../src/shared/script.ts'
import { brings, fails, relatedTo } from '../cache/answer.ts'
import { newKey, nudge, type Replica } from './replica.ts'
import { has, onOneRedis } from './several.ts'

const keys = ['a/1', 'a/1?id', 'a/2', 'b/1']

const forget = script("return redis.call('DEL', KEYS[1])")

describe('a purge', () => {
  const several = onOneRedis()

  const cases: readonly (readonly [Scope, readonly string[]])[] = [
    [{ resource: 'a/1' }, ['a/2', 'b/1']],
    [{ group: 'a' }, ['b/1']],
    ['everything', []],
  ]
  for (const [scope, left] of cases) {
    test(`of ${JSON.stringify(scope)} reaches every memory and Redis, and nothing else`, async () => {
      const { replicas, settle, newcomer } = await several()
      for (const replica of replicas) {
        for (const key of keys) await replica.read(key, brings(`${key} old`))
        await settle()
      }
      await replicas[1].cache.purge(scope)
      // Where it was asked for, at once; where it was not, as soon as it has been heard of.
      const hasAll = (replica: Replica): Promise<string[]> =>
        Promise.all(keys.map((key) => has(replica, key)))
      const expected = keys.map((key) => (left.includes(key) ? `hit ${key} old` : 'nothing'))
      assert.deepEqual(await hasAll(replicas[1]), expected)
      await settle()
      for (const replica of [...replicas, await newcomer()]) assert.deepEqual(await hasAll(replica), expected)
      assert.ok(!replicas[1].told.some((each) => each.startsWith('purged')), 'it is not told its own')
    })
  }

  test('counts at once for whoever asks the replica that was asked for it, whenever its number comes back', async () => {
    const { replicas, settle } = await several()
    const [one] = replicas
    for (const scope of ['everything', { group: 'a' }, { resource: 'a/1' }] as const) {
      await one.read('a/1', brings('old'))
      await settle()
      const purged = one.cache.purge(scope)
      assert.equal(await has(one, 'a/1'), 'nothing')
      await purged
      // Nothing is awaited here: from now on its trips are shared again, too.
      one.told.length = 0
      await one.read('a/1', brings('new'))
      assert.deepEqual(one.told, ['led'])
      await settle()
      assert.equal(await has(replicas[1], 'a/1'), 'hit new')
    }
  })

  test('that could not be told counts all the same where it was asked for, and is told as soon as it can be', async () => {
    const { replicas, settle, pass } = await several()
    const [one, two] = replicas
    await one.read('a/1', brings('old'))
    await settle()
    assert.equal(await has(two, 'a/1'), 'hit old')
    one.cut()
    await assert.rejects(one.cache.purge({ group: 'a' }), { code: 'purgeNotShared' })
    one.mend()
    // It has not been told yet, and Redis can be asked again.
    assert.equal(await has(one, 'a/1'), 'nothing')
    assert.equal(await has(two, 'a/1'), 'hit old')
    await pass(1_000)
    assert.deepEqual([await has(one, 'a/1'), await has(two, 'a/1')], ['nothing', 'nothing'])
    // From then on all is shared again.
    await one.read('a/1', brings('new'))
    await settle()
    assert.equal(await has(two, 'a/1'), 'hit new')
  })

  test('reaches what only other replicas select', async () => {
    const { replicas, settle } = await several((index) => ({
      keysOf: index === 0 ? (resource) => [resource] : relatedTo,
    }))
    const [plain, selecting] = replicas
    await selecting.read('a/1?id', brings('old'))
    await settle()
    await plain.cache.purge({ resource: 'a/1' })
    await settle()
    for (const replica of replicas) assert.equal(await has(replica, 'a/1?id'), 'nothing')
  })

  test('under a key that a replica does not have is one of everything, there', async () => {
    const [old, other] = [newKey('old'), newKey('other')]
    const { replicas, settle } = await several((index) => {
      const key = index === 0 ? old : other
      return { keys: () => ({ writing: key, readable: [key] }) }
    })
    const [one, two] = replicas
    await two.read('b/1', brings('kept'))
    await settle()
    await one.cache.purge({ group: 'a' })
    await settle()
    assert.deepEqual(two.told.slice(-2), ['refused: key', 'purged: "everything"'])
    assert.equal(await has(two, 'b/1'), 'nothing')
    await two.read('b/1', brings('new'))
    await settle()
    assert.equal(await has(two, 'b/1'), 'hit new')
  })
})

describe('the log of purges', () => {
  const several = onOneRedis()

  test(
    'is bounded, and of what was written before it begins all counts as purged',
    { timeout: 60_000 },
    async () => {
      const { replicas, settle, pass, redis, prefix, newcomer } = await several()
      const [one, two] = replicas
      await one.read('a/1', brings('old'))
      await pass(10)
      for (let round = 0; round < 101; round += 1) {
        await Promise.all(Array.from({ length: 100 }, () => two.tier.purge({ group: 'z' })))
      }
      await settle()
      const size = Number(await redis.command('ZCARD', `${prefix}:{log}:purges`))
      assert.ok(size > 9_000 && size <= 10_001, String(size))
      // Who was in touch has heard of all of them, and keeps what it has; a newcomer cannot know.
      assert.equal(await has(one, 'a/1'), 'hit old')
      const three = await newcomer()
      assert.equal(await has(three, 'a/1'), 'nothing')
      await three.read('a/1', brings('new'))
      await settle()
      assert.equal(await has(two, 'a/1'), 'hit new')
    },
  )

  test('that is lost leaves what was there before for a last resort only, and nothing of it in Redis', async () => {
    const { replicas, settle, pass, redis, prefix, newcomer } = await several()
    const [one] = replicas
    await one.read('a/1', brings('old'))
    await pass(10)
    await redis.command('DEL', `${prefix}:{log}:purges`)
    await nudge(one)
    await settle()
    for (const replica of replicas) assert.equal(await has(replica, 'a/1'), 'nothing')
    assert.equal(await has(await newcomer(), 'a/1'), 'nothing')
    const { how, entry } = await one.read('a/1', fails('broken'))
    assert.deepEqual([how, entry.body], ['lastResort', 'old'])
    const [, two] = replicas
    await two.read('a/1', brings('new'))
    await settle()
    for (const replica of replicas) assert.equal(await has(replica, 'a/1'), 'hit new')
  })

  test('that is lost with a purge which nobody has heard of yet is told of it again', async () => {
    const { replicas, settle, prefix } = await several()
    const [one, two] = replicas
    await two.read('a/1', brings('old'))
    await settle()
    const purged = one.cache.purge({ group: 'a' })
    const lost = one.way.connection.run(forget, [`${prefix}:{log}:purges`], [])
    await Promise.all([purged, lost])
    await settle()
    await assert.rejects(two.read('a/1', fails('broken')), { code: 'broken' })
  })

  test('that knows less than a replica has lost something: it begins anew, for all of them', async () => {
    const { replicas, settle, pass, redis, prefix } = await several()
    const [one, two] = replicas
    const log = `${prefix}:{log}:purges`
    await one.read('a/1', brings('old'))
    await two.cache.purge({ group: 'b' })
    await pass(10)
    // As after a failover to a server that had not been told of the last one.
    await redis.command('ZPOPMAX', log)
    await nudge(one)
    await settle()
    for (const replica of replicas) assert.equal(await has(replica, 'a/1'), 'nothing')
  })

  test('that has lost a purge, and has later ones, begins anew as well', async () => {
    const { replicas, settle, pass, redis, prefix, newcomer } = await several()
    const [one, two, three] = replicas
    await one.read('a/1', brings('old'))
    await settle()
    assert.equal(await has(three, 'a/1'), 'hit old')
    await pass(10)
    three.cut()
    await two.cache.purge({ group: 'a' })
    await redis.command('ZPOPMAX', `${prefix}:{log}:purges`)
    // Who knows of it comes last to the server that does not.
    two.cut()
    three.mend()
    await pass(10)
    await three.cache.purge({ group: 'b' })
    two.mend()
    await pass(1_000)
    for (const replica of [...replicas, await newcomer()]) assert.equal(await has(replica, 'a/1'), 'nothing')
  })

  test('that has lost a purge of everything to a later one has lost nothing', async () => {
    const { replicas, settle, redis, prefix } = await several()
    const [one, two] = replicas
    await one.cache.purge('everything')
    await settle()
    await two.cache.purge('everything')
    await settle()
    assert.deepEqual(await redis.command('ZRANGE', `${prefix}:{log}:purges`, '0', '-1'), ['floor', '*'])
  })

  test('begins anew when the clock of its server has been set back: nobody knows how old anything is', async () => {
    const { replicas, settle, pass, time, newcomer } = await several()
    const [one, two, three] = replicas
    await one.read('a/1', brings('old'))
    await settle()
    assert.equal(await has(two, 'a/1'), 'hit old')
    await pass(20_000)
    time.clocks[0]?.set(-10_000)
    await pass(1_000)
    for (const replica of [one, two, three, await newcomer()])
      assert.equal(await has(replica, 'a/1'), 'nothing')
    await two.read('a/1', brings('new'))
    await pass(5_000)
    for (const replica of [one, two, three]) assert.equal(await has(replica, 'a/1'), 'hit new')
  })

  test('goes on where that clock is a little behind', async () => {
    const { replicas, settle, pass, time } = await several()
    const [one, two] = replicas
    await one.read('a/1', brings('old'))
    await pass(2_000)
    time.clocks[0]?.set(-1_000)
    await settle()
    await pass(1_000)
    assert.equal(await has(two, 'a/1'), 'hit old')
  })

  test('whose server has an earlier clock still numbers each purge higher than those before', async () => {
    const { replicas, settle, time } = await several()
    const [one, two] = replicas
    await one.cache.purge({ group: 'a' })
    await settle()
    await one.read('a/1', brings('old'))
    await settle()
    assert.equal(await has(two, 'a/1'), 'hit old')
    for (const clock of time.clocks.slice(0, 1)) clock.set(-60_000)
    await two.cache.purge({ group: 'a' })
    await settle()
    for (const replica of replicas) assert.equal(await has(replica, 'a/1'), 'nothing')
  })
})
