import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startCluster, startRedis } from '../world/redis.ts'
import { builtProgram } from '../commands/program.ts'
import { metric, type Serving, startServing, until } from '../commands/serving.ts'
import { audience, type Reply, sessionId, sessionPath } from '../world/world.ts'

const servers = {
  'one Redis': async (building: AsyncDisposableStack) => ({ url: building.use(await startRedis()).url }),
  'a cluster of three': async (building: AsyncDisposableStack) => ({
    cluster: building.use(await startCluster()).urls,
  }),
}

for (const [what, start] of Object.entries(servers)) {
  describe(`three processes on ${what}`, () => {
    const building = new AsyncDisposableStack()
    let replicas: Serving[] = []
    before(async () => {
      const shared = await start(building)
      const folder = await mkdtemp(join(tmpdir(), 'session-gateway-processes-'))
      building.defer(() => rm(folder, { recursive: true, force: true }))
      const keysFile = join(folder, 'keys')
      await writeFile(keysFile, `test ${randomBytes(32).toString('base64')}\n`)
      const startOne = async (emulator?: Serving['emulator']): Promise<Serving> =>
        building.use(
          await startServing({
            ...(emulator === undefined ? {} : { emulator }),
            entry: builtProgram(),
            config: {
              // A thousand at once keep this process, which reads the records, from reading them.
              audit: { stallAfter: '10s' },
              cache: { shared: { ...shared, keysFile, timeout: '2s' } },
              access: {
                readers: { callers: [{ issuer: 'oidc', subject: 'reader' }], workspaces: ['*'] },
                operators: { callers: [{ issuer: 'oidc', subject: 'operator' }], admin: ['purge'] },
              },
            },
          }),
        )
      const first = await startOne()
      replicas = [first, ...(await Promise.all([startOne(first.emulator), startOne(first.emulator)]))]
      await Promise.all(replicas.map((each) => until(async () => (await metric(each, 'shared_up')) === 1)))
    })
    after(() => building.disposeAsync())

    async function ask(path: string, times: number): Promise<ReadonlySet<string>> {
      const replies = await Promise.all(
        Array.from({ length: times }, (_, n) => replicas[n % 3]?.ask(path) ?? assert.fail()),
      )
      assert.deepEqual(
        replies
          .filter(({ status }) => status !== 200)
          .map(({ status, body }) => `${status} ${body}`)
          .slice(0, 3),
        [],
      )
      return new Set(replies.map(({ body }) => body))
    }

    const calls = (): number => replicas[0]?.emulator.graph.calls ?? 0

    test('ask Graph once for a thousand callers of one session', async () => {
      const earlier = calls()
      assert.equal((await ask(sessionPath, 1_000)).size, 1)
      assert.equal(calls(), earlier + 1)
    })

    test('see a purge that one of them was asked for: soon all give what Graph has now, and it was asked once more', async () => {
      const path = `${sessionPath}?$select=id,displayName`
      for (const [index, scope] of [
        `/workspaces/default/sessions/${sessionId}`,
        '/workspaces/default',
        '',
      ].entries()) {
        const displayName = `as it is before purge ${index}`
        await until(async () => (await ask(path, 3)).size === 1)
        const old = [...(await ask(path, 30))]
        const earlier = calls()
        const createdDateTime = '2026-01-01T00:00:00Z'
        replicas[0]?.emulator.graph.put('default', {
          id: sessionId,
          createdDateTime,
          lastModifiedDateTime: createdDateTime,
          displayName,
        })
        assert.deepEqual([...(await ask(path, 30))], old)
        const purging = replicas[index] ?? assert.fail()
        const token = await purging.emulator.issuer.token({ sub: 'operator', aud: audience })
        const authorization = `Bearer ${token}`
        const { status } = await purging.manage(`/cache${scope}`, { method: 'DELETE', authorization })
        assert.equal(status, 200)
        const isNew = (reply: Reply): boolean => reply.json.displayName === displayName
        // Where it was asked for, at once; the others have been told, and tests do not measure how soon they act on it.
        assert.ok(isNew(await purging.ask(path)))
        for (const each of replicas) await until(async () => isNew(await each.ask(path)))
        assert.equal(calls(), earlier + 1)
      }
    })
  })
}
