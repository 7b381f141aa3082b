import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { brings, fails } from '../cache/answer.ts'
import { nudge, type Replica } from './replica.ts'
import { has, holding, onOneRedis, said } from './several.ts'

describe('replicas that ask another Graph, or as another application,', () => {
  const several = onOneRedis()

  test('share nothing of what they have, and make their own trips; but their purges', async () => {
    const { replicas, settle, keys } = await several((index) => ({ realm: index === 0 ? 'one' : 'other' }))
    const [one, other, third] = replicas
    await one.read('a/1', brings('of one'))
    await settle()
    assert.equal(await said(other.read('a/1', brings('of the other'))), 'miss of the other')
    await settle()
    assert.deepEqual([await has(one, 'a/1'), await has(third, 'a/1')], ['hit of one', 'hit of the other'])
    assert.equal((await keys('1:*')).length, 2)
    await other.cache.purge({ group: 'a' })
    await settle()
    for (const replica of replicas) assert.equal(await has(replica, 'a/1'), 'nothing')
  })
})

describe('a replica that hears nothing of the others', () => {
  const several = onOneRedis()

  test('gives what it has for two seconds, and then only when Graph fails', async () => {
    const { replicas, pass } = await several()
    const [one] = replicas
    await one.read('a/1', brings('old'))
    await pass(1_000)
    one.cut()
    await pass(2_000)
    assert.equal(await has(one, 'a/1'), 'hit old')
    await pass(1)
    assert.equal(await has(one, 'a/1'), 'nothing')
    const lastResort = await one.read('a/1', fails('broken'))
    assert.deepEqual([lastResort.how, lastResort.entry.body], ['lastResort', 'old'])
  })

  test('gives what it has asked for since, for four seconds', async () => {
    const { replicas, pass } = await several()
    const [one] = replicas
    await pass(1_000)
    one.cut()
    await pass(2_001)
    await one.read('a/1', brings('new'))
    await pass(4_000)
    assert.equal(await has(one, 'a/1'), 'hit new')
    await pass(1)
    assert.equal(await has(one, 'a/1'), 'nothing')
  })

  test('joins no trip that was asked for before: that may be purged, too', async () => {
    const { replicas, settle, pass } = await several()
    const [one] = replicas
    const [early, late] = [holding(), holding()]
    const before = said(one.read('a/1', early.fetch))
    await settle()
    await pass(1_000)
    one.cut()
    await pass(2_001)
    const after = said(one.read('a/1', late.fetch))
    await settle()
    assert.equal(late.underWay, 1)
    early.lands('early')
    late.lands('late')
    assert.deepEqual([await before, await after], ['miss early', 'miss late'])
  })

  test('keeps a purge of another one’s waiting for less than five seconds, whenever that happened', async () => {
    const { replicas, pass } = await several()
    const [one, two] = replicas
    for (const pauseMs of [0, 300, 999, 1_700]) {
      await pass(1_000)
      one.cut()
      await one.read('a/1', brings('old'), { noCache: true })
      await pass(pauseMs)
      await two.cache.purge('everything')
      await pass(4_999)
      assert.equal(await has(one, 'a/1'), 'nothing', `${pauseMs} ms`)
      one.mend()
      await pass(2_000)
    }
  })

  test('asks Graph itself, without waiting for the others, and shares nothing', async () => {
    const { replicas, pass, keys } = await several()
    const [one] = replicas
    one.cut()
    await pass(3_000)
    assert.equal((await one.read('a/1', brings('x'))).how, 'miss')
    assert.deepEqual(one.told.slice(-2), ['down', 'alone'])
    assert.deepEqual(await keys('1:*'), [])
  })

  test('gives what it has once it is in touch again, and not what has been purged meanwhile', async () => {
    const { replicas, pass, settle } = await several()
    const [one, two] = replicas
    await one.read('a/1', brings('kept'))
    await one.read('b/1', brings('purged'))
    await pass(1_000)
    one.cut()
    await pass(3_000)
    await two.cache.purge({ group: 'b' })
    await settle()
    assert.deepEqual([await has(one, 'a/1'), await has(one, 'b/1')], ['nothing', 'nothing'])
    one.mend()
    await nudge(two)
    await settle()
    await pass(1_000)
    assert.deepEqual([await has(one, 'a/1'), await has(one, 'b/1')], ['hit kept', 'nothing'])
    assert.ok(one.told.includes('purged: {"group":"b"}'))
  })

  test('that has just started gives what the others had shared before', async () => {
    const { replicas, settle, newcomer, pass } = await several()
    await replicas[0].read('a/1', brings('shared'))
    await settle()
    await pass(5_000)
    assert.equal(await has(await newcomer(), 'a/1'), 'hit shared')
  })
})

describe('the gate that replicas share', () => {
  const several = onOneRedis()
  const shuts = ({ told }: Replica): string[] => told.filter((each) => each.startsWith('shut'))

  test('is told to the others, once, and not to the one that was asked to wait', async () => {
    const { replicas, settle, pass } = await several()
    const [one, two, three] = replicas
    one.tier.shutGate(5_000)
    await settle()
    await pass(10_000)
    assert.deepEqual([one, two, three].map(shuts), [[], ['shut for 5000'], ['shut for 5000']])
    two.tier.shutGate(1_000)
    await settle()
    assert.deepEqual(
      [one, two, three].map((each) => shuts(each).length),
      [1, 1, 2],
    )
  })

  test('is shut for the longest that any was asked for', async () => {
    const { replicas, settle, pass, newcomer } = await several()
    const [one, two, three] = replicas
    one.tier.shutGate(60_000)
    await settle()
    await pass(1_000)
    two.tier.shutGate(5_000)
    await settle()
    assert.deepEqual([one, two, three].map(shuts), [[], ['shut for 60000'], ['shut for 60000']])
    assert.deepEqual(shuts(await newcomer()), ['shut for 59000'])
    three.tier.shutGate(90_000)
    await settle()
    assert.deepEqual([one, two, three].map(shuts), [
      ['shut for 90000'],
      ['shut for 60000', 'shut for 90000'],
      ['shut for 60000'],
    ])
  })

  test('is told to one that was asked to wait for less at the same moment', async () => {
    const { replicas, settle } = await several()
    const [one, two, three] = replicas
    two.tier.shutGate(60_000)
    one.tier.shutGate(5_000)
    await settle()
    assert.deepEqual([one, two, three].map(shuts), [['shut for 60000'], [], ['shut for 60000']])
  })

  test('is not told any more once its time is over', async () => {
    const { replicas, settle, pass, newcomer } = await several()
    replicas[0].tier.shutGate(2_000)
    await settle()
    await pass(2_000)
    assert.deepEqual(shuts(await newcomer()), [])
  })
})

describe('what only somebody else can have written', () => {
  const several = onOneRedis()

  for (const number of ['9007199254740992', '1e308', 'inf']) {
    test(`does not end the numbers of purges: ${number}`, async () => {
      const { replicas, pass, redis, prefix } = await several()
      const [one, two] = replicas
      await redis.command('ZADD', `${prefix}:{log}:purges`, number, 'forged')
      await pass(1_000)
      await one.read('a/1', brings('old'))
      await two.cache.purge({ group: 'a' })
      await pass(1_000)
      assert.equal(await has(one, 'a/1'), 'nothing')
      const { asked } = two
      await pass(2_000)
      assert.ok(two.asked - asked < 10, `${two.asked - asked} questions in two seconds`)
    })
  }

  for (const until of ['9e15', 'inf', 'nan', 'x']) {
    test(`does not shut the gate, nor keeps others from it: ${until}`, async () => {
      const { replicas, pass, settle, redis, prefix } = await several()
      const [one, two] = replicas
      const shut = (): string[] => one.told.filter((word) => word.startsWith('shut'))
      await redis.command('SET', `${prefix}:{log}:gate`, until)
      await pass(1_000)
      assert.deepEqual(shut(), [])
      two.tier.shutGate(3_000)
      await settle()
      assert.deepEqual(shut(), ['shut for 3000'])
    })
  }
})
