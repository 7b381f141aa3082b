import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { sharedWorld } from '../../security/wire.ts'
import { sessionId, sessionPath, workspacePath } from '../../world/world.ts'
import { type Ended, projectFolder, run } from '../program.ts'

describe('session-gateway explain --url', () => {
  const world = sharedWorld()

  async function explain(path: string, { url = world().url, more = [] as string[] } = {}): Promise<Ended> {
    const { folder } = world()
    const tokenFile = join(folder, 'caller.token')
    await writeFile(tokenFile, await world().workloadToken('triage'))
    const ca = ['--ca-file', join(folder, 'ca.pem')]
    const config = ['-c', join(folder, 'usual.yaml'), ...more]
    return run(['explain', path, ...config, '--token-file', tokenFile, '--url', url, ...ca])
  }

  const calls = (): number => world().emulator.graph.requests.length

  test('says of what is not there that it is not, without asking Graph, and leaves a record', async () => {
    const { code, stdout, stderr } = await explain(sessionPath)
    assert.deepEqual([code, stderr, calls()], [0, '', 0])
    const [, requestId] =
      /^cache {5}(?:127\.0\.0\.1|::1): not cached: a read would ask Graph \(request-id (\S+)\)$/m.exec(
        stdout,
      ) ?? []
    const record = await world().recordOf(requestId)
    assert.deepEqual([record['method'], record['status'], record['rule']], ['HEAD', 504, 'triage'])
    assert.match(stdout, /\ncache {5}Graph was not asked; an audit record says that this was\n$/)
  })

  test('says of what is there how old it is and how long it is good for', async () => {
    await world().ask()
    const { code, stdout } = await explain(sessionPath)
    assert.deepEqual([code, calls()], [0, 1])
    assert.match(stdout, /: cached: \d+ s old, fresh for another \d+ s \(request-id /)
    const other = await explain(`${sessionPath}?$select=id`)
    assert.match(other.stdout, /: not cached/)
  })

  test('says of a session that Graph does not have that this is what is kept', async () => {
    const absent = `${workspacePath}/sessions/${sessionId.replace('ecdf', '0000')}`
    assert.equal((await world().ask(absent)).status, 404)
    const { code, stdout } = await explain(absent)
    assert.equal(code, 0)
    assert.match(stdout, /: cached, that Graph has no such session \(404\): /)
  })

  test('exits with 1 where the gateway decides otherwise, and says where its reason is', async () => {
    const more = join(world().folder, 'other.yaml')
    await writeFile(
      more,
      `access: { here: { callers: [{ issuer: cluster, namespace: soc, serviceAccount: nobody }], workspaces: ['*'] } }`,
    )
    const token = await world().workloadToken('nobody')
    const tokenFile = join(world().folder, 'nobody.token')
    await writeFile(tokenFile, token)
    const asking = ['--url', world().url, '--ca-file', join(world().folder, 'ca.pem')]
    const config = ['-c', join(world().folder, 'usual.yaml'), more]
    const args = ['explain', sessionPath, ...config, '--token-file', tokenFile, ...asking]
    const { code, stdout } = await run(args)
    assert.equal(code, 1)
    assert.match(
      stdout,
      /permitted by the rule here\ncache .*it answered 403, and not as explained here.*request-id/,
    )
  })

  test('exits with 1 where no gateway is reached', async () => {
    const { code, stdout } = await explain(sessionPath, { url: 'https://localhost:1' })
    assert.equal(code, 1)
    assert.match(stdout, /cache {5}the gateway could not be asked: .*ECONNREFUSED/)
  })
})

describe('session-gateway explain', () => {
  const world = sharedWorld()

  test('takes the token from standard input', async () => {
    const { folder } = world()
    const tokenFile = join(folder, 'reader.token')
    await writeFile(tokenFile, await world().workloadToken('triage'))
    const command = `"$@" < ${tokenFile}`
    const through = ['/bin/sh', '-c', command, 'sh']
    const args = ['explain', sessionPath, '-c', join(folder, 'usual.yaml'), '--token-file', '-']
    const { code, stdout } = await run(args, { through })
    assert.equal(code, 0)
    assert.match(stdout, /^caller {4}issuer cluster, .*soc\/triage/)
  })

  test('exits with 2 for arguments and files that it can do nothing with', async () => {
    const config = ['-c', join(world().folder, 'usual.yaml')]
    await writeFile(
      join(world().folder, 'no-ca.yaml'),
      `outbound: { caFile: ${join(world().folder, 'pod.token')} }`,
    )
    for (const [args, said] of [
      [[sessionPath, ...config, '--token-file', '/nowhere'], /^error: ENOENT.*\/nowhere/],
      [[sessionPath, ...config, join(world().folder, 'no-ca.yaml')], /^error: outbound\.caFile: /],
      [[sessionPath, '-c', '/nowhere.yaml'], /^problem {2}.*nowhere\.yaml/],
      [[sessionPath.slice(1), ...config], /^error: the path begins with "\/"/],
      [[sessionPath, ...config, '--url', 'gateway:8443'], /^error: --url takes an http or https URL/],
      [config, /^error: missing required argument 'path'/],
    ] as const) {
      const { code, stdout, stderr } = await run(['explain', ...args])
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, said)
    }
  })

  test('is no way to give a token as an argument, where every user of the machine could read it', async () => {
    const program = await readFile(join(projectFolder, 'src/program.ts'), 'utf8')
    assert.match(program, /--token-file </)
    assert.doesNotMatch(program, /--token </)
  })
})
