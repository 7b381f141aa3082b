import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { recordedIn } from '../world/recorded.ts'
import { builtProgram, projectFolder, run, startProgram } from './program.ts'

describe('demo', { concurrency: true }, () => {
  test('--once tells the whole story and exits with 0', async () => {
    const { code, stdout, stderr } = await run(['demo', '--once'])
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(
      stdout,
      /^8 requests; Graph was called 2 times, with 1 token exchange; 8 audit records\.\n\nEvery step did what it says\.\n$/m,
    )
    const statuses = [...stdout.matchAll(/^ {3}→ (\d+)/gm)].map(([, status]) => Number(status))
    assert.deepEqual(statuses, [200, 200, 200, 200, 304, 403, 403, 401])
    const records = [...stdout.matchAll(/^ {3}(\d{3}) {2}(\w+) +(\S+)/gm)]
    assert.deepEqual(
      records.map(([, status]) => Number(status)),
      statuses,
    )
    assert.deepEqual(
      records.map(([, , cache]) => cache),
      ['miss', 'hit', 'miss', 'hit', 'hit', 'none', 'none', 'none'],
    )
    const [, whole = ''] = /^ {3}(\{"level":"info".*\})$/m.exec(stdout) ?? []
    assert.partialDeepStrictEqual(recordedIn(whole), {
      status: 200,
      cache: 'miss',
      serviceAccount: 'triage',
    })
    assert.match(stdout, /^Their chain is intact/m)
  })

  test('is not in what is built, which says where it is', async () => {
    for (const name of ['demo', 'emulate']) {
      const { code, stderr } = await run([name], { entry: builtProgram() })
      assert.deepEqual(
        [code, stderr],
        [1, `the emulator is not in this build: in a clone of the repository, make ${name}\n`],
      )
    }
  })

  test('stays until it is asked to stop, and the curl that it prints works', async () => {
    await using program = startProgram(['demo'])
    await program.prints('stdout', /Ctrl-C ends the demo/)
    const [, command = ''] = /^ {3}(curl -i [^]*?sessions\/\S+)$/m.exec(program.stdout) ?? []
    const { stdout } = await promisify(execFile)('sh', ['-c', command])
    assert.match(stdout, /^HTTP\/1\.1 200 /)
    assert.match(stdout, /cache-status: session-gateway; hit;/)
    const [, probe = ''] = /^ {3}(curl \S+\/readyz)$/m.exec(program.stdout) ?? []
    assert.match((await promisify(execFile)('sh', ['-c', probe])).stdout, /"status":"ready"/)
    const [, caFile = ''] = /--cacert (\S+)/.exec(command) ?? []
    program.child.kill('SIGINT')
    assert.equal((await program.ended).code, 0)
    assert.equal(existsSync(caFile), false, 'nothing is left behind')
  })

  const changes: readonly [what: string, from: RegExp, to: string, notSo: RegExp][] = [
    ['a step is refused', /serviceAccount: triage/, 'serviceAccount: someone-else', /NOT SO: status 200/],
    ['more is granted than it says', /serviceAccount: triage/, "serviceAccount: '*'", /NOT SO: status 403/],
  ]
  for (const [what, from, to, notSo] of changes) {
    test(`says NOT SO and exits with 1 when ${what}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'session-gateway-demo-test-'))
      const config = await readFile(join(projectFolder, 'config/demo.yaml'), 'utf8')
      const changed = config.replace(from, to)
      assert.notEqual(changed, config)
      await writeFile(join(folder, 'demo.yaml'), changed)
      const script = `
        import { demo } from ${JSON.stringify(pathToFileURL(join(projectFolder, 'src/commands/demo/index.ts')))}
        process.exitCode = await demo({ once: true, configFile: new URL(process.argv[1]) })`
      const child = spawn(process.execPath, [
        '--input-type=module',
        '-e',
        script,
        String(pathToFileURL(join(folder, 'demo.yaml'))),
      ])
      const said = { stdout: '', stderr: '' }
      for (const stream of ['stdout', 'stderr'] as const) {
        child[stream].setEncoding('utf8').on('data', (chunk: string) => (said[stream] += chunk))
      }
      const code = await new Promise((resolve) => void child.once('close', resolve))
      await rm(folder, { recursive: true })
      assert.equal(code, 1)
      assert.match(said.stderr, notSo)
      assert.match(said.stdout, /Some steps did not do what they say\.\n$/)
    })
  }
})
