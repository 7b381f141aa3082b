/**
 * The chart's rule for the limit of memory, tried: a cache that is full, and asked for more than it holds, in a container
 * that is killed when it takes more. Needs root, for a control group of its own.
 *
 *     make bench BENCH=container-memory
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { judge, printTable } from './report.ts'
import { portsOf, startBenchWorld } from './world.ts'
import { startPinned } from './wrk.ts'

const cacheMiB = 128
const sessions = 24_000
const inFlight = 64
const asked = 100_000
/** The least that the chart takes with this cache, and what it has where nothing is said. */
const limitsMiB = [Math.ceil((cacheMiB * 2) / 0.6), 640]

execFileSync('make', ['build'], { stdio: 'inherit' })
await using stack = new AsyncDisposableStack()
const world = stack.use(await startBenchWorld())
const ids = Array.from(
  { length: sessions },
  (_, n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
)
const at = '2026-01-01T00:00:00Z'
for (const id of ids) {
  const displayName = id.repeat(160)
  world.emulator.graph.put('default', { id, displayName, createdDateTime: at, lastModifiedDateTime: at })
}
const config = await world.configure('memory', { cache: { memory: `${cacheMiB}MiB`, freshFor: '1h' } })

interface Group extends Disposable {
  readonly folder: string
}

function createGroup(limitMiB: number): Group {
  const [root, limit] = existsSync('/sys/fs/cgroup/memory')
    ? ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes']
    : ['/sys/fs/cgroup', 'memory.max']
  const folder = join(root, `session-gateway-bench-${process.pid}`)
  mkdirSync(folder)
  writeFileSync(join(folder, limit), String(limitMiB * 1024 * 1024))
  return { folder, [Symbol.dispose]: () => rmdirSync(folder) }
}

/** @returns RSS at most, in MiB; throws where the gateway was killed */
async function fill(limitMiB: number): Promise<number> {
  using group = createGroup(limitMiB)
  // It is in the group before it becomes the gateway, so that Node finds the limit when it starts.
  const enter = ['sh', '-c', `echo $$ > ${join(group.folder, 'cgroup.procs')}; exec "$@"`, 'sh']
  const args = ['--max-old-space-size-percentage=60', 'dist/main.js', 'serve', '-c', config]
  await using gateway = await startPinned(args, (line) => portsOf(line).port, '0', enter)
  const agent = new Agent({ connections: inFlight })
  const url = `${gateway.url}/beta/security/securityCopilot/workspaces/default/sessions/`
  let next = 0
  const ask = async (): Promise<void> => {
    while (next < asked) {
      const id = ids[(next++ * 7919) % sessions]
      const { statusCode, body } = await request(`${url}${id}`, { dispatcher: agent, headers: world.headers })
      await body.dump()
      if (statusCode !== 200) throw new Error(`${statusCode}`)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, ask))
  await agent.close()
  const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024
}

const peaks = new Map<string, number[]>()
for (const limitMiB of limitsMiB) {
  const runs = [await fill(limitMiB), await fill(limitMiB), await fill(limitMiB)]
  peaks.set(`a limit of ${limitMiB} MiB, RSS at most`, runs)
}
printTable('MiB', peaks)
process.exitCode = judge(
  limitsMiB.map((limitMiB, index) => ({
    what: `of ${limitMiB} MiB, the share that was left where most was taken, with a cache of ${cacheMiB} MiB`,
    measured: 1 - Math.max(...([...peaks.values()][index] ?? [])) / limitMiB,
    atLeast: 0.05,
  })),
)
