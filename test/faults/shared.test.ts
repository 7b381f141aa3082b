import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { startReplicas, untilShared } from '../shared/fleet.ts'
import { until } from '../security/wire.ts'
import { type Redis, startRedis, until as untilDone } from '../world/redis.ts'
import { placeVersions, startLoad, windows } from './load.ts'
import { type Broken, sharedTable, user } from './shared-table.ts'
import { asked, isDegraded, purge, told } from './shared-world.ts'
import { startWay, type Way } from './way.ts'

const acl = { user: `${user.name} on >${user.password} ~* &* +@all` }

async function startBroken(building: AsyncDisposableStack): Promise<Broken & { passwordFile: string }> {
  const redis = building.use(await startRedis({ config: acl }))
  const ways: Way[] = []
  for (let replica = 0; replica < 2; replica += 1) ways.push(building.use(await startWay(redis.url)))
  const folder = await mkdtemp(join(tmpdir(), 'session-gateway-test-'))
  building.defer(() => rm(folder, { recursive: true, force: true }))
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, user.password)
  let standby: Redis | undefined
  return {
    redis,
    ways,
    passwordFile,
    async standby() {
      if (standby !== undefined) return standby
      standby = building.use(await startRedis({ config: acl, replicaOf: redis }))
      const started = standby
      await untilDone(async () => {
        assert.match(String(await started.command('INFO', 'replication')), /master_link_status:up/)
      })
      return started
    },
    writePassword: (password) => writeFile(passwordFile, password),
  }
}

describe('while callers go on asking', { concurrency: 2 }, () => {
  for (const fault of sharedTable) {
    test(fault.what, async () => {
      await using building = new AsyncDisposableStack()
      const broken = await startBroken(building)
      if (fault.fromStart === true) await fault.begin(broken)
      const auth = { type: 'passwordFile', username: user.name, file: broken.passwordFile }
      const { replicas, emulator } = building.use(
        await startReplicas({ replicas: 2, cache: windows }, (replica) => ({
          url: broken.ways[replica]?.url,
          auth,
          timeout: fault.timeout ?? '1s',
        })),
      )
      const [first, second] = replicas
      assert.ok(first !== undefined && second !== undefined)
      const afflicted = fault.isOfOne === true ? [first] : [first, second]
      const sessions = Array.from({ length: 6 }, () => placeVersions(emulator))
      const [session] = sessions
      assert.ok(session !== undefined)
      let before = [0, 0]
      const load = startLoad(replicas, sessions)
      building.defer(() => load.stop().catch(() => {}))
      if (fault.fromStart !== true) {
        await Promise.all(replicas.map((world) => untilShared(world)))
        await load.more(20)
        before = replicas.map((world) => told(world).length)
        await fault.begin(broken)
      }

      if (fault.shared === 'away') {
        await Promise.all(afflicted.map((world) => untilShared(world, 0)))
        // At the start nothing is shared before anybody knows why.
        await until('why is told', async () => {
          assert.ok(await isDegraded(first))
          return replicas.every(
            (world, n) => !afflicted.includes(world) || told(world).length > (before[n] ?? 0),
          )
        })
        // What was on its way may still be late.
        await until('who asks does not wait', async () => {
          const [late, away] = [await asked(first, 'late'), await asked(first, 'away')]
          await load.more(40)
          return (await asked(first, 'late')) === late && (await asked(first, 'away')) > away
        })
        if (fault.isOfOne === true) assert.equal(await isDegraded(second), false)
      } else {
        await load.more(40)
        await Promise.all(replicas.map((world) => untilShared(world)))
      }

      const scope = `/workspaces/default/sessions/${session.id}`
      const meanwhile = session.change()
      const reply = await purge(first, scope)
      assert.equal(reply.status, fault.purge, reply.body)
      if (reply.status === 503) assert.equal(reply.json.error.code, 'purgeNotShared')
      assert.equal(await session.seen(first), meanwhile)

      await fault.end(broken)
      await Promise.all(replicas.map((world) => untilShared(world)))
      await until('the other has heard', async () => (await session.seen(second)) === meanwhile)
      assert.equal(await isDegraded(first), false)
      const answered = await asked(first, 'answered')
      await load.more(20)
      assert.ok((await asked(first, 'answered')) > answered, 'it is used again')
      const later = session.change()
      assert.equal((await purge(second, scope)).status, 200)
      assert.equal(await session.seen(second), later)
      await until('the first has heard', async () => (await session.seen(first)) === later)
      await load.stop()

      for (const [n, world] of replicas.entries()) {
        const [lines, isAfflicted] = [told(world).slice(before[n]), afflicted.includes(world)]
        const states = lines.map(({ state }) => state)
        const mayBeSilent = fault.shared !== 'away' || !isAfflicted
        if (mayBeSilent && (fault.shared !== 'maybe' || states.length === 0)) assert.deepEqual(states, [])
        else assert.deepEqual(states, ['away', 'there'])
        const { reason = '' } = lines.find(({ state }) => state === 'away') ?? {}
        if (isAfflicted) assert.ok(reason.includes(fault.says ?? ''), reason)
      }
    })
  }
})
