import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { brings, notToFetch, stays } from '../cache/answer.ts'
import { type Held, holding, onOneRedis, said } from './several.ts'

function total(...trips: Held[]): number {
  return trips.reduce((sum, { begun }) => sum + begun, 0)
}

describe('a lease', () => {
  const several = onOneRedis()

  test('is held by one replica, and the others have what its trip brings', async () => {
    const { replicas, settle } = await several()
    const trip = holding()
    const reads = replicas.map((replica) => said(replica.read('a/1', trip.fetch)))
    await settle()
    assert.deepEqual([trip.begun, trip.underWay], [1, 1])
    trip.lands('x')
    assert.deepEqual((await Promise.all(reads)).toSorted(), ['collapsed x', 'collapsed x', 'miss x'])
    await settle()
    assert.equal(trip.begun, 1)
  })

  test('ends some time after its holder has died, and then one of those who waited makes the trip', async () => {
    const { replicas, settle, pass, redis, prefix, keys } = await several()
    const [leader, ...followers] = replicas
    const [dead, trips] = [holding(), holding()]
    void said(leader.read('a/1', dead.fetch))
    await settle()
    const reads = followers.map((replica) => said(replica.read('a/1', trips.fetch)))
    await settle()
    leader.cut()
    await pass(1_500)
    assert.equal(trips.begun, 0, 'it may be slow, only')
    const [lease = ''] = await keys('*:lease')
    await redis.command('DEL', `${prefix}:${lease}`)
    await pass(250)
    assert.deepEqual([trips.begun, trips.underWay], [1, 1])
    trips.lands('x')
    assert.deepEqual((await Promise.all(reads)).toSorted(), ['collapsed x', 'miss x'])
  })

  test('lasts two seconds, and for as long as its trip with that: it is renewed', async () => {
    const { replicas, settle, pass, redis, prefix, keys } = await several({ hasRealLeases: true })
    const trip = holding()
    void said(replicas[0].read('a/1', trip.fetch))
    await settle()
    const [lease = ''] = await keys('*:lease')
    const left = async (): Promise<number> => Number(await redis.command('PTTL', `${prefix}:${lease}`))
    assert.ok((await left()) <= 2_000 && (await left()) > 0)
    await redis.command('PEXPIRE', `${prefix}:${lease}`, '1000')
    await pass(700)
    assert.ok((await left()) > 1_000)
    trip.lands('x')
    await settle()
    assert.deepEqual(await keys('*:lease'), [])
    // Nor does it come back.
    await pass(2_000)
    assert.deepEqual(await keys('*:lease'), [])
  })

  test('that comes too late is given back, and nobody waits for it', async () => {
    const answers = Promise.withResolvers<void>()
    const { replicas, newcomer, settle, pass, keys, redis, time } = await several()
    const [other] = replicas
    const { connection } = other.way
    const slow = await newcomer({
      way: {
        ...other.way,
        connection: {
          ...connection,
          async run(script, ...rest) {
            const reply = await connection.run(script, ...rest)
            if (script.source.includes('PTTL')) await answers.promise
            return reply
          },
        },
      },
    })
    const [alone, shared] = [holding(), holding()]
    void said(slow.read('a/1', alone.fetch))
    while ((await keys('*:lease')).length === 0);
    while (alone.begun === 0) {
      for (const clock of time.clocks) clock.advance(500)
      await redis.command('PING')
    }
    answers.resolve()
    await settle()
    assert.deepEqual(await keys('*:lease'), [])
    await pass(1_000)
    const read = said(other.read('a/1', shared.fetch))
    await settle()
    shared.lands('x')
    assert.equal(await read, 'miss x')
  })

  test('that nobody can have claimed keeps nobody from the trip', async () => {
    const { replicas, settle, redis, prefix, keys } = await several()
    const [one, two] = replicas
    void said(one.read('a/1', holding().fetch))
    await settle()
    const [lease = ''] = await keys('*:lease')
    const forged = '9999999999999999 forged'
    for (const words of [[forged], [forged, 'PX', String(2 * 60 * 60_000)], ['forged', 'PX', '1000']]) {
      await redis.command('SET', `${prefix}:${lease}`, ...words)
      const trip = holding()
      const read = said(two.read('a/1', trip.fetch, { maxAgeMs: 0 }))
      await settle()
      trip.lands('x')
      assert.equal((await read).split(' ')[1], 'x', words.join(' '))
      two.clock.advance(1)
    }
  })

  test('that was lost is not renewed, and its trip is stored nowhere', async () => {
    const { replicas, settle, pass, redis, prefix, keys } = await several()
    const [one, two] = replicas
    const trip = holding()
    const read = said(one.read('a/1', trip.fetch))
    await settle()
    const [lease = ''] = await keys('*:lease')
    await redis.command('DEL', `${prefix}:${lease}`)
    await pass(1_000)
    trip.lands('late')
    assert.equal(await read, 'miss late')
    await settle()
    assert.deepEqual(await keys('1:*'), [])
    assert.equal(await said(two.read('a/1', brings('new'))), 'miss new')
    await settle()
    assert.equal(await said(one.read('a/1', notToFetch)), 'hit new')
  })

  test('is taken by whoever will not have what another trip brings; what that brings is then not stored', async () => {
    const { replicas, settle } = await several()
    const [one, two, three] = replicas
    const [early, late] = [holding(), holding()]
    const reads = [said(one.read('a/1', early.fetch))]
    await settle()
    reads.push(said(two.read('a/1', late.fetch, { noCache: true })))
    await settle()
    assert.equal(total(early, late), 2)
    // Who comes now waits for the later one.
    reads.push(said(three.read('a/1', notToFetch)))
    await settle()
    early.lands('early')
    await settle()
    late.lands('late')
    await settle()
    assert.deepEqual(await Promise.all(reads), ['miss early', 'miss late', 'collapsed late'])
    for (const replica of replicas) assert.equal(await said(replica.read('a/1', notToFetch)), 'hit late')
  })

  test('does not keep anybody from a new trip once there has been a purge; the old one is stored nowhere', async () => {
    const { replicas, settle, keys } = await several()
    const [one, two, three] = replicas
    const [old, current] = [holding(), holding()]
    const before = [said(one.read('a/1', old.fetch))]
    await settle()
    before.push(said(three.read('a/1', old.fetch)))
    await settle()
    await two.cache.purge({ resource: 'a/1' })
    await settle()
    const after = replicas.map((replica) => said(replica.read('a/1', current.fetch)))
    await settle()
    assert.deepEqual([current.begun, current.underWay], [1, 1], 'one new trip, at once')
    current.lands('new')
    assert.deepEqual((await Promise.all(after)).toSorted(), ['collapsed new', 'collapsed new', 'miss new'])
    while (old.underWay > 0) old.lands('old')
    await settle()
    assert.ok((await Promise.all(before)).every((each) => each.endsWith(' old')))
    for (const replica of replicas) assert.equal(await said(replica.read('a/1', notToFetch)), 'hit new')
    assert.equal((await keys('1:*')).length, 1)
  })

  test('once its trip is purged while it is under way, its result is stored neither in Redis nor in any memory', async () => {
    const { replicas, settle, newcomer } = await several()
    const [one, two] = replicas
    const old = holding()
    const read = said(one.read('a/1', old.fetch))
    await settle()
    await two.cache.purge('everything')
    await settle()
    old.lands('old')
    assert.equal(await read, 'miss old')
    await settle()
    const only = { onlyIfCached: true }
    for (const replica of [...replicas, await newcomer()]) {
      assert.equal(await said(replica.read('a/1', notToFetch, only)), 'notCached')
    }
  })

  test('is left when the last caller leaves before the trip has departed, and another replica takes it', async () => {
    const { replicas, settle } = await several()
    const [one, two] = replicas
    const [first, second] = [holding({ departs: false }), holding()]
    const leaving = new AbortController()
    const left = said(one.read('a/1', first.fetch, {}, leaving.signal))
    await settle()
    const read = said(two.read('a/1', second.fetch, {}, stays))
    await settle()
    assert.equal(total(first, second), 1)
    leaving.abort(new Error('left'))
    await left
    await settle()
    assert.deepEqual([first.underWay, second.underWay], [0, 1])
    second.lands('x')
    assert.equal(await read, 'miss x')
  })

  test('is waited for by nobody who has left', async () => {
    const { replicas, settle, pass } = await several()
    const [one, two] = replicas
    const [first, second] = [holding(), holding()]
    void said(one.read('a/1', first.fetch))
    await settle()
    const leaving = new AbortController()
    const left = said(two.read('a/1', second.fetch, {}, leaving.signal))
    await settle()
    leaving.abort(new Error('left'))
    assert.equal(await left, 'Error: left')
    await settle()
    assert.equal(two.cache.inTheAir, 0)
    first.fails('shut')
    await pass(1_000)
    assert.equal(second.begun, 0)
  })
})
