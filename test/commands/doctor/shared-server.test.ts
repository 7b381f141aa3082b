import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeServer } from '../../../src/commands/doctor/shared-server.ts'
import type { SharedConfig } from '../../../src/config/index.ts'

const common = { keysFile: '/keys', auth: { type: 'none' }, prefix: 'p', timeout: 50 } as const
const node = { scheme: 'redis', host: 'a', port: 1 } as const
const [one, cluster]: SharedConfig[] = [
  { ...common, url: node },
  { ...common, cluster: [node] },
]
const healthy = {
  now: 0,
  server: '# Server\r\nredis_version:7.0.15\r\n',
  memory: 'used_memory:1048576\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n',
  cluster: 'cluster_state:ok\r\ncluster_slots_ok:16384\r\ncluster_size:3\r\n',
  listening: 0,
}
const speed = { fastestMs: 1, aheadMs: 0 }

function said(changes: object, shared = one, pace: object = {}): string[] {
  assert.ok(shared !== undefined)
  const told = describeServer({ ...healthy, ...changes }, shared, { ...speed, ...pace })
  return told.filter(({ verdict }) => verdict !== 'ok').map(({ verdict, found }) => `${verdict} ${found}`)
}

for (const [server, expected] of [
  ['redis_version:7.0.0', []],
  ['redis_version:8.2.1', []],
  ['redis_version:6.2.14', ['failed Redis 6.2.14']],
  ['redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1', []],
  ['redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:7.2.5', []],
  ['redis_version:7.2.4\r\nvalkey_version:7.1.0', ['failed Valkey 7.1.0']],
  ['uptime_in_seconds:1', ['skipped INFO is refused: its version is not known']],
  ['redis_version:new', ['failed Redis new']],
] as const) {
  test(`a server that says ${JSON.stringify(server)}`, () => {
    assert.deepEqual(said({ server }), expected)
  })
}

for (const [memory, expected] of [
  ['used_memory:99\r\nmaxmemory:100\r\nmaxmemory_policy:allkeys-lru', []],
  [
    'used_memory:1048576\r\nmaxmemory:104857600\r\nmaxmemory_policy:noeviction',
    ['warning 1 of 100 MiB are used, and the maxmemory-policy is noeviction'],
  ],
  [
    'used_memory:94371840\r\nmaxmemory:104857600\r\nmaxmemory_policy:noeviction',
    ['warning 90 of 100 MiB are used, and the maxmemory-policy is noeviction: it is full, or soon will be'],
  ],
  [undefined, ['skipped INFO is refused: how full it is, and what it does then, is not known']],
] as const) {
  test(`a server whose memory is ${JSON.stringify(memory)}`, () => {
    assert.deepEqual(said({ memory }), expected)
  })
}

test('a way that is slower than the time a caller waits is a warning', () => {
  assert.deepEqual(said({}, one, { fastestMs: 25 }), [])
  assert.deepEqual(said({}, one, { fastestMs: 25.1 }), ['warning it answers in 25.1 ms'])
  assert.deepEqual(said({}, one, { fastestMs: 50.1 }), ['warning it answers in 50.1 ms'])
})

test('another clock is told, and is no trouble', () => {
  const told = one && describeServer(healthy, one, { fastestMs: 1, aheadMs: -90_000 })
  assert.ok(told?.some(({ found }) => /its clock is 90\.0 s behind this one/.test(found)))
  assert.deepEqual(said({}, one, { aheadMs: 90_000 }), [])
})

test('a cluster is told by its slots, and what is refused is said to be', () => {
  assert.deepEqual(said({}, cluster), [])
  assert.deepEqual(said({ cluster: 'cluster_state:fail\r\ncluster_slots_ok:5' }, cluster), [
    'failed the cluster’s state is fail: 5 of 16384 slots are served',
  ])
  assert.deepEqual(said({ cluster: undefined }, cluster), [
    'skipped CLUSTER INFO is refused: whether each slot is served is not known',
  ])
})
