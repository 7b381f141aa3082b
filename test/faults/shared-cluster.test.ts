import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startReplicas, untilShared } from '../shared/fleet.ts'
import { until } from '../security/wire.ts'
import { type Redis, type RedisCluster, startCluster, until as untilDone } from '../world/redis.ts'
import { placeVersions, startLoad, windows } from './load.ts'
import { purge, told } from './shared-world.ts'

const isMaster = async (node: Redis): Promise<void> =>
  assert.match(String(await node.command('INFO', 'replication')), /role:master/)

const faults: readonly {
  readonly what: string
  readonly begin: (cluster: RedisCluster) => Promise<void>
}[] = [
  {
    what: 'a replica of Redis is promoted (`CLUSTER FAILOVER`)',
    async begin({ replicas: [promoted] }) {
      assert.ok(promoted !== undefined)
      await promoted.command('CLUSTER', 'FAILOVER')
      await untilDone(() => isMaster(promoted))
    },
  },
  {
    what: 'a master dies, and its replica takes over',
    async begin({ masters: [dies], replicas: [takesOver] }) {
      await dies?.kill()
      await untilDone(() => isMaster(takesOver ?? assert.fail()))
    },
  },
]

for (const index of [0, 1, 2]) {
  for (const { what, begin } of index === 0 ? faults : faults.slice(1)) {
    test(`in a cluster ${what} (${index})`, async () => {
      await using cluster = await startCluster({ replicas: true })
      // The one that dies is another one each time: one of them has the log.
      const turned = <T>(all: readonly T[]): T[] => [...all.slice(index), ...all.slice(0, index)]
      await using fleet = await startReplicas({ cache: windows }, () => ({
        cluster: cluster.urls,
        timeout: '1s',
      }))
      const { replicas, emulator } = fleet
      const [first, second] = replicas
      assert.ok(first !== undefined && second !== undefined)
      await Promise.all(replicas.map((world) => untilShared(world)))
      const before = replicas.map((world) => told(world).length)
      const sessions = Array.from({ length: 12 }, () => placeVersions(emulator))
      const load = startLoad(replicas, sessions)
      await load.more(20)
      await begin({ ...cluster, masters: turned(cluster.masters), replicas: turned(cluster.replicas) })
      await load.more(20)
      await until('both share again', async () => {
        await Promise.all(replicas.map((world) => untilShared(world)))
        const [session] = sessions
        const newest = session?.change()
        const { status } = await purge(first, `/workspaces/default/sessions/${session?.id}`)
        if (status !== 200) return false
        await until('it is heard', async () => (await session?.seen(second)) === newest)
        return true
      })
      await load.more(20)
      await load.stop()
      for (const [n, world] of replicas.entries()) {
        const states = told(world).slice(before[n])
        const changes = states.map(({ state }) => state).join()
        assert.ok(['', 'away,there'].includes(changes), JSON.stringify(states))
      }
    })
  }
}
