import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { slotOf } from '../../src/shared/slot.ts'
import { type Redis, startCluster, startRedis, until } from '../world/redis.ts'
import { connected, get, mailbox, observe, put, tell } from './redis-client.ts'

test('each key is asked of the node that has it, found from one node alone', async () => {
  await using cluster = await startCluster()
  const [first = ''] = cluster.urls
  await using world = await connected({ servers: { cluster: [first] } })
  const keys = Array.from({ length: 300 }, (_, index) => `k:{${index}}`)
  await Promise.all(keys.map((key) => world.connection.run(put, [key, `${key}:lease`], [key])))
  const values = await Promise.all(keys.map((key) => world.connection.run(get, [key], [])))
  assert.deepEqual(values.map(String), keys)
  const sizes = await Promise.all(cluster.masters.map((node) => node.command('DBSIZE')))
  assert.equal(
    sizes.reduce<number>((sum, size) => sum + Number(size), 0),
    300,
  )
  assert.ok(sizes.every((size) => Number(size) > 0))
})

test('a server that is no node of a cluster is not taken for one, and says why', async () => {
  await using redis = await startRedis()
  await using world = observe({ servers: { cluster: [redis.url] } })
  assert.match((await world.failed('refused')).message, /cluster support disabled/)
})

test('a key is in the slot that Redis counts', async () => {
  await using cluster = await startCluster()
  const [node] = cluster.masters
  await fc.assert(
    fc.asyncProperty(fc.stringMatching(/^[a-z{}é]{1,12}$/), async (key) => {
      assert.equal(await node?.command('CLUSTER', 'KEYSLOT', key), slotOf(key))
    }),
  )
})

test('a slot that has moved is asked where it is now', async () => {
  await using cluster = await startCluster()
  const [from, to] = cluster.masters
  assert.ok(from !== undefined && to !== undefined)
  await using world = await connected({ servers: { cluster: cluster.urls } })
  const ids = await Promise.all([from, to].map(async (node) => String(await node.command('CLUSTER', 'MYID'))))
  const key = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].find((name) => slotOf(name) <= 5461) ?? ''
  const slot = String(slotOf(key))
  await world.connection.run(put, [key], ['here'])
  await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[0] ?? '')
  await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[1] ?? '')
  await from.command('MIGRATE', '127.0.0.1', String(to.port), key, '0', '5000')
  // It has gone, and the slot has not: ASK.
  assert.equal(String(await world.connection.run(get, [key], [])), 'here')
  await to.command('CLUSTER', 'SETSLOT', slot, 'NODE', ids[1] ?? '')
  await from.command('CLUSTER', 'SETSLOT', slot, 'NODE', ids[1] ?? '')
  assert.equal(String(await world.connection.run(get, [key], [])), 'here')
})

test('a message reaches who listens, whichever node it is told to', async () => {
  await using cluster = await startCluster()
  await using world = await connected({ servers: { cluster: cluster.urls } })
  const inbox = mailbox()
  await world.connection.subscribe('c', inbox.heard)
  for (const key of ['a', 'b', 'c', 'd', 'e']) {
    await world.connection.run(tell, [key], ['c', key])
    assert.equal(String(await inbox.next()), key)
  }
})

for (const [what, meets] of [
  ['dies', (node: Redis) => node.kill()],
  ['stands still', (node: Redis) => Promise.resolve(node.stop())],
] as const) {
  test(`when a master ${what} its replica is found, and who listens goes on listening`, async () => {
    await using cluster = await startCluster({ replicas: true })
    await using world = await connected({ servers: { cluster: cluster.urls } })
    const { connection } = world
    const inbox = mailbox()
    await connection.subscribe('c', inbox.heard)
    const [dies] = cluster.masters
    const [lost, kept] = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].toSorted(
      (one, other) => slotOf(one) - slotOf(other),
    )
    assert.ok(lost !== undefined && kept !== undefined && slotOf(lost) <= 5461)
    await connection.run(put, [lost], ['1'])
    assert.ok(dies !== undefined)
    await meets(dies)
    await until(() => connection.run(put, [lost], ['2']))
    await until(() => connection.run(put, ['g'], ['2']))
    assert.equal(String(await connection.run(get, [lost], [])), '2')
    await until(() => connection.subscribe('d', () => {}))
    await connection.run(tell, ['g'], ['c', 'after'])
    assert.equal(String(await inbox.next()), 'after')
  })
}

test('a cluster that was away as a whole is found again', async () => {
  await using cluster = await startCluster()
  await using world = await connected({ servers: { cluster: cluster.urls } })
  await Promise.all(cluster.masters.map((node) => node.kill()))
  await world.failed('away')
  const ready = world.ready()
  await Promise.all(cluster.masters.map((node) => node.restart()))
  await ready
  await until(() => world.connection.run(put, ['a'], ['1']))
})
