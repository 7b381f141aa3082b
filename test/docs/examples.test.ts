/** docs/examples, run as they stand against a gateway with TLS. C# is not among them: there is no .NET where these tests run. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { startEmulator } from '../../src/emulator/index.ts'
import { ensure } from '../world/debian.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { sessionId, startWorld, type World } from '../world/world.ts'

const examples = {
  'read-session.ts': { language: 'ts', command: [process.execPath] },
  'read_session.py': { language: 'python', command: ['python3'] },
  'read-session.sh': { language: 'sh', command: ['sh'] },
  'ReadSession.cs': { language: 'csharp', command: undefined },
} as const
const runnable = Object.entries(examples).flatMap(([name, { command }]) =>
  command === undefined ? [] : [{ name, command }],
)

ensure('python3')
ensure('curl')

describe('an example in the guide for callers', () => {
  let world: World
  before(async () => {
    world = await startWorld()
  })
  after(() => world[Symbol.asyncDispose]())

  for (const { name, command } of runnable) {
    test(`${name} reads a session`, async () => {
      const { status, stdout, stderr } = await run(command, name, world, sessionId)
      assert.equal(status, 0, stderr)
      assert.match(stdout, /API: who am I/)
      assert.partialDeepStrictEqual(world.records.at(-1), {
        serviceAccount: 'triage',
        select: ['displayName', 'id'],
        status: 200,
      })
    })

    test(`${name} fails, and says why, where Graph has no such session`, async () => {
      const absent = sessionId.replace('ecdfb9b3', '00000000')
      const { status, stdout, stderr } = await run(command, name, world, absent)
      assert.notEqual(status, 0)
      assert.match(stdout + stderr, /ResourceNotFound/)
    })

    test(`${name} shows no token to somebody else’s certificate`, async () => {
      const other = join(world.folder, 'other-ca.pem')
      await using another = await startEmulator()
      await writeFile(other, another.caPem)
      const soFar = world.records.length
      const { status } = await run(command, name, world, sessionId, {
        GATEWAY_CA_FILE: other,
        NODE_EXTRA_CA_CERTS: other,
      })
      assert.notEqual(status, 0)
      assert.equal(world.records.length, soFar)
    })
  }

  test('costs as much of the log a day as the capacity table says', async () => {
    assert.equal((await world.ask()).status, 200)
    const [, kilobytes] =
      /^\| a record +\| (\d\.\d) kB/m.exec(readFileSync('docs/explanation/scaling.md', 'utf8')) ?? []
    const { length = 0 } = world.trail.at(-1) ?? {}
    assert.ok(Math.abs(length / 1_000 - Number(kilobytes)) <= 0.1, `${length} bytes`)
  })

  test('is in the guide as it is in its file', () => {
    const guide = readFileSync('docs/guides/call-it.md', 'utf8')
    for (const [name, { language }] of Object.entries(examples)) {
      const content = readFileSync(`docs/examples/${name}`, 'utf8')
      assert.ok(
        guide.includes(`\`\`\`${language}\n${content}\`\`\``),
        `docs/guides/call-it.md has another ${name}`,
      )
    }
  })
})

test('the example in Python waits as long as it is told, and then asks with the token of then', async () => {
  const clock = createFakeClock()
  const config = { access: { triage: { rate: '1/m' } } }
  await using world = await startWorld({ clock, config })
  assert.equal((await world.ask()).status, 200)

  // It goes to sleep until a line comes.
  const patched =
    'import runpy, sys, time\n' +
    'time.sleep = lambda seconds: (print("sleeps", seconds, flush=True), sys.stdin.readline())\n' +
    'sys.argv = sys.argv[1:]\n' +
    'runpy.run_path(sys.argv[0], run_name="__main__")'
  const child = await start(['python3', '-c', patched], 'read_session.py', world, sessionId)
  const stdout: string[] = []
  child.stdout.setEncoding('utf8')
  for await (const chunk of child.stdout) {
    stdout.push(String(chunk))
    const told = /^sleeps (\d+)\n$/.exec(stdout.join(''))?.[1]
    if (told === undefined) continue
    assert.equal(world.records.at(-1)?.['status'], 429)
    clock.advance(Number(told) * 1_000)
    await writeFile(join(world.folder, 'caller.token'), await world.workloadToken('triage'))
    child.stdin.end('\n')
  }
  assert.match(stdout.join(''), /^sleeps \d+\nAPI: who am I\n$/)
  const [refused, answered] = world.records.slice(-2)
  assert.deepEqual([refused?.['status'], answered?.['status']], [429, 200])
  assert.notEqual(refused?.['tokenId'], answered?.['tokenId'])
})

async function start(
  command: readonly [string, ...string[]],
  name: string,
  world: World,
  id: string,
  env = {},
) {
  const tokenFile = join(world.folder, 'caller.token')
  // The kubelet's has no line's end; one that has is read as well.
  await writeFile(tokenFile, `${await world.workloadToken('triage')}\n`)
  const ca = join(world.folder, 'ca.pem')
  const [program, ...args] = [...command, `docs/examples/${name}`, id]
  return spawn(program, args, {
    env: {
      PATH: process.env['PATH'],
      GATEWAY_URL: world.url,
      GATEWAY_TOKEN_FILE: tokenFile,
      GATEWAY_CA_FILE: ca,
      NODE_EXTRA_CA_CERTS: ca,
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

async function run(...args: Parameters<typeof start>) {
  const child = await start(...args)
  child.stdin.end()
  const ended = new Promise<number | null>((resolve) => void child.once('close', resolve))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { status: await ended, stdout, stderr }
}
