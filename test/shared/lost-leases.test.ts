import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { tellable } from '../../src/cache/index.ts'
import { createSealing } from '../../src/shared/index.ts'
import { messageOn } from '../../src/shared/told-failure.ts'
import { brings, Failed, notToFetch } from '../cache/answer.ts'
import { commonKeys } from './replica.ts'
import { has, holding, onOneRedis, said, type Several } from './several.ts'

describe('a replica that does not hear that it has the lease', () => {
  const several = onOneRedis()

  test('gives it back, so that nobody waits for a trip that will not be shared', async () => {
    const { replicas, settle, keys } = await several()
    const [one, two] = replicas
    const trip = holding()
    one.deafen()
    const read = said(one.read('a/1', trip.fetch))
    await settle()
    assert.equal(trip.underWay, 1)
    assert.deepEqual(await keys('*:lease'), [])
    assert.equal(await said(two.read('a/1', brings('x'))), 'miss x')
    trip.lands('y')
    assert.equal(await read, 'miss y')
  })
})

describe('a replica whose lease another one has taken', () => {
  const several = onOneRedis()

  test('neither ends that lease with its own trip, nor tells anybody how that has failed', async () => {
    const { replicas, settle } = await several()
    const [one, two, three] = replicas
    const [early, late] = [holding(), holding()]
    const failed = said(one.read('a/1', early.fetch))
    await settle()
    const brought = said(two.read('a/1', late.fetch, { noCache: true }))
    await settle()
    const followed = said(three.read('a/1', notToFetch))
    await settle()
    early.fails('broken')
    assert.equal(await failed, 'broken')
    await settle()
    late.lands('late')
    assert.deepEqual([await brought, await followed], ['miss late', 'collapsed late'])
  })

  test('does not keep that lease alive', async () => {
    const { replicas, settle, redis, prefix, keys } = await several({ hasRealLeases: true })
    const [one, two] = replicas
    const [early, late] = [holding(), holding()]
    void said(one.read('a/1', early.fetch))
    await settle()
    void said(two.read('a/1', late.fetch, { noCache: true }))
    await settle()
    const [lease = ''] = await keys('*:lease')
    await redis.command('PEXPIRE', `${prefix}:${lease}`, '1000')
    // It alone lives on.
    one.clock.advance(700)
    await settle()
    assert.ok(Number(await redis.command('PTTL', `${prefix}:${lease}`)) <= 1_000)
  })

  test('leaves nothing of what was there before, when Graph has told it that it is no more', async () => {
    const { replicas, settle, keys, newcomer } = await several()
    const [one, two] = replicas
    const [early, late] = [holding(), holding()]
    await one.read('a/1', brings('old'))
    await settle()
    const gone = said(one.read('a/1', early.fetch, { noCache: true }))
    await settle()
    const failed = said(two.read('a/1', late.fetch, { noCache: true }))
    await settle()
    late.fails('shut')
    await failed
    early.lands('gone', { status: 404 })
    assert.equal(await gone, 'bypass gone')
    await settle()
    assert.deepEqual(await keys('1:*'), [])
    assert.equal(await said((await newcomer()).read('a/1', brings('new'))), 'miss new')
  })
})

describe('the failure of a trip', () => {
  const several = onOneRedis()
  const windows = { freshForMs: 100, staleWhileRevalidateMs: 0, staleIfErrorMs: 60_000 }

  async function withOldAnswers(): Promise<Several> {
    const made = await several({ windows })
    const [one, ...others] = made.replicas
    await one.read('a/1', brings('kept'))
    await made.settle()
    for (const other of others) await other.read('a/1', notToFetch)
    await made.pass(200)
    return made
  }

  test('that is a no is told to all who wait, and what was kept is gone: from their memories, and from Redis', async () => {
    const { replicas, settle, pass, keys } = await withOldAnswers()
    const trip = holding()
    const reads = replicas.map((replica) => said(replica.read('a/1', trip.fetch)))
    await settle()
    trip.fails('refused')
    assert.deepEqual(await Promise.all(reads), ['refused', 'refused', 'refused'])
    await settle()
    assert.equal(trip.begun, 1)
    assert.deepEqual(await keys('1:*'), [])
    for (const { cache } of replicas) assert.equal(cache.store.get('a/1'), undefined)
    // And it is not asked again yet, by none of them.
    for (const replica of replicas) assert.equal(await said(replica.read('a/1', notToFetch)), 'refused')
    await pass(10_000)
    assert.equal(await said(replicas[1].read('a/1', brings('back'))), 'miss back')
  })

  test('that is an outage is told to all who wait, and each gives what it has kept', async () => {
    const { replicas, settle } = await withOldAnswers()
    const trip = holding()
    const reads = replicas.map((replica) => said(replica.read('a/1', trip.fetch)))
    await settle()
    trip.fails('broken')
    assert.deepEqual(await Promise.all(reads), ['lastResort kept', 'lastResort kept', 'lastResort kept'])
    await settle()
    assert.equal(trip.begun, 1)
  })

  test('that is not told leaves those who waited what is left of one deadline, and not another one', async () => {
    const { replicas, settle, pass } = await several()
    const trip = holding()
    const [leader, follower] = replicas
    const failing = said(leader.read('a/1', trip.fetch))
    await settle()
    const waited: number[] = []
    const waiting = said(
      follower.read('a/1', (flight) => {
        waited.push(flight.waitedMs)
        return brings('well')(flight, undefined)
      }),
    )
    await settle()
    await pass(1_500)
    trip.fails('shut')
    await settle()
    assert.deepEqual([await failing, await waiting, waited], ['shut', 'miss well', [1_500]])
  })

  test('that is repeated later, by whoever has kept the message, is of no trip that anybody waits for', async () => {
    const { replicas, settle, redis, prefix, keys, time } = await several()
    const [leader, follower] = replicas
    const trip = holding()
    const leading = said(leader.read('a/1', trip.fetch))
    await settle()
    const following = said(follower.read('a/1', notToFetch))
    await settle()
    const [lease = ''] = await keys('*:lease')
    const channel = `${prefix}:${lease}`
    const failure = tellable(new Failed('refused'))
    const at = time.now() - 10_000
    await redis.command(
      'PUBLISH',
      channel,
      messageOn(
        { failure, at },
        channel,
        createSealing(() => commonKeys),
      ),
    )
    await settle()
    trip.lands('well')
    await settle()
    assert.deepEqual([await leading, await following], ['miss well', 'collapsed well'])
  })

  test('that says nothing of what was asked is not told: the next one makes the trip', async () => {
    const { replicas, settle } = await several()
    const trip = holding()
    const reads = replicas.map((replica) => said(replica.read('a/1', trip.fetch)))
    await settle()
    trip.fails('shut')
    await settle()
    assert.deepEqual([trip.begun, trip.underWay], [2, 1])
    trip.lands('x')
    assert.deepEqual((await Promise.all(reads)).toSorted(), ['collapsed x', 'miss x', 'shut'])
  })

  test('that is none, but says that there is no such thing, takes what was kept under its other keys with it', async () => {
    const { replicas, settle, keys } = await several()
    const [one, two] = replicas
    await one.read('a/1?id', brings('old'))
    await settle()
    assert.equal(await has(two, 'a/1?id'), 'hit old')
    const trip = holding()
    const reads = [one, two].map((replica) => said(replica.read('a/1', trip.fetch)))
    await settle()
    trip.lands('gone', { status: 404 })
    assert.deepEqual((await Promise.all(reads)).toSorted(), ['collapsed gone', 'miss gone'])
    await settle()
    for (const replica of [one, two]) assert.equal(await has(replica, 'a/1?id'), 'nothing')
    assert.equal((await keys('1:*')).length, 1, 'that there is none')
  })
})
