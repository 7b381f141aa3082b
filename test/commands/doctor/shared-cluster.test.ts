import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { after, test } from 'node:test'
import { startCluster, until } from '../../world/redis.ts'
import { saidBy, startPatient, troubles } from './patient.ts'

const patient = await startPatient()
after(() => patient[Symbol.asyncDispose]())
const { inFolder } = patient
await writeFile(inFolder('keys'), `one ${randomBytes(32).toString('base64')}\n`)

const shared = (cluster: readonly string[]): Record<string, object> => ({
  cache: { shared: { keysFile: inFolder('keys'), timeout: '5s', cluster } },
})
const dead = 'redis://127.0.0.1:9'
const nameless = 'redis://no-such-host.invalid'

test('a cluster in order is found so from one node of it, though the others to begin with are gone', async () => {
  await using cluster = await startCluster()
  const [first = ''] = cluster.urls
  const lines = await patient.lines(shared([dead, first]))
  assert.deepEqual(troubles(lines), [])
  assert.match(
    saidBy(lines, 'cache.shared'),
    /^the cluster of redis:\/\/127\.0\.0\.1:9, redis:.* \(not encrypted\)/,
  )
  assert.match(saidBy(lines, 'cache.shared server'), /each slot is served, by 3 masters/)
  const left = await Promise.all(cluster.masters.map((master) => master.command('KEYS', '*')))
  assert.deepEqual(left.flat(), [])
})

test('a name of a node that has no address is said, and the cluster is reached by the others', async () => {
  await using cluster = await startCluster()
  assert.deepEqual(troubles(await patient.lines(shared([nameless, ...cluster.urls]))), [
    'failed dns no-such-host.invalid',
  ])
})

test('a cluster of whose nodes no name has an address is not asked', async () => {
  const lines = await patient.lines(shared([nameless]))
  assert.deepEqual(troubles(lines), [
    'failed dns no-such-host.invalid',
    'skipped cache.shared',
    'skipped cache.shared commands',
    'skipped cache.shared server',
  ])
})

test('a cluster with a master that is gone is not reached, and the master is named', async () => {
  await using cluster = await startCluster()
  const [first = '', gone = ''] = cluster.urls
  await cluster.masters[1]?.kill()
  const lines = await patient.lines(shared([first]))
  assert.deepEqual(troubles(lines), [
    'failed cache.shared',
    'skipped cache.shared commands',
    'skipped cache.shared server',
  ])
  assert.ok(saidBy(lines, 'cache.shared').startsWith(`${gone.slice('redis://'.length)}: `))
})

test('a cluster that serves nothing, since a slot has nobody, is said to', async () => {
  await using cluster = await startCluster()
  const [master] = cluster.masters
  await master?.command('CLUSTER', 'DELSLOTS', '1')
  await until(async () =>
    assert.match(String(await master?.command('CLUSTER', 'INFO')), /cluster_state:fail/),
  )
  const lines = await patient.lines(shared(cluster.urls))
  assert.deepEqual(troubles(lines), ['failed cache.shared commands', 'skipped cache.shared server'])
  assert.match(saidBy(lines, 'cache.shared commands'), /CLUSTERDOWN.*\nsome slots .*--cluster fix/)
})

test('a cluster that goes on without some slots is said to', async () => {
  await using cluster = await startCluster({ config: { 'cluster-require-full-coverage': 'no' } })
  const lacking = cluster.masters.map(async (master) => {
    // Of a slot that the doctor does not try.
    await master.command('CLUSTER', 'DELSLOTS', '1')
    await until(async () =>
      assert.match(String(await master.command('CLUSTER', 'INFO')), /cluster_slots_assigned:16383/),
    )
  })
  await Promise.all(lacking)
  const lines = await patient.lines(shared(cluster.urls))
  assert.deepEqual(troubles(lines), ['failed cache.shared server'])
  assert.match(saidBy(lines, 'cache.shared server'), /16383 of 16384 slots are served\nredis-cli/)
})
