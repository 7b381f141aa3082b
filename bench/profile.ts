/**
 * Where the time of a hit goes: V8's samples of a gateway that answers nothing else, by the room (or the module of Node, or the
 * library) in which they were taken; and the same of a program on `node:http` that does nothing but write a line before it
 * answers. The gateway runs from its sources, so that each sample has its file.
 *
 *     make bench BENCH=profile
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bareAnswerOf, record } from './peers/contestants.ts'
import { loadCore, start } from './peers/start.ts'
import { type Figures, reportAlone } from './report.ts'
import { type BenchWorld, sessionPath, startBenchWorld } from './world.ts'
import { ensureWrk, requestsPerSecond } from './wrk.ts'

const connections = 64

interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string }
  }[]
  readonly samples: readonly number[]
  /** Microseconds. */
  readonly timeDeltas: readonly number[]
}

/** Place → microseconds of a request, in each round. */
type Times = Record<string, number[]>

export async function measure(isFull: boolean): Promise<Figures> {
  ensureWrk()
  // The emulator, and all else that is not measured.
  execFileSync('taskset', ['-apc', loadCore, String(process.pid)], { stdio: 'ignore' })
  await using world = await startBenchWorld()
  const seconds = isFull ? 20 : 8
  const [gateway, recorded]: [Times, Times] = [{}, {}]
  for (let round = 0; round < (isFull ? 9 : 5); round += 1) {
    let bare = ''
    const gatewayFor = async (port: number): Promise<string[]> => {
      const server = {
        listen: `127.0.0.1:${port}`,
        management: { listen: '127.0.0.1:0' },
        tls: 'off',
        drain: { delay: '0s' },
      }
      const config = await world.configure('profile', { server, audit: { chain: false } })
      return ['src/main.ts', 'serve', '-c', config]
    }
    await profile(world, { seconds, times: gateway }, gatewayFor, async (port) => {
      bare = JSON.stringify({ ...(await bareAnswerOf(port, world)), record })
    })
    await profile(world, { seconds, times: recorded }, async (port) => [
      'bench/contestants/bare.ts',
      String(port),
      bare,
    ])
  }
  return {
    name: 'profile',
    goals: [],
    tables: [
      { title: 'Where the time of a hit goes', unit: 'µs', rows: sorted(gateway) },
      {
        title: 'Where it goes with node:http and no work but a line',
        unit: 'µs',
        rows: sorted(recorded),
      },
    ],
  }
}

function sorted(times: Times): Times {
  const all = Object.entries(times)
  return Object.fromEntries(all.toSorted(([, one], [, other]) => Math.max(...other) - Math.max(...one)))
}

/** @param before what is to be asked of it first */
async function profile(
  world: BenchWorld,
  { seconds, times }: { readonly seconds: number; readonly times: Times },
  commandFor: (port: number) => Promise<string[]>,
  before?: (port: number) => Promise<void>,
): Promise<void> {
  const folder = join(world.folder, String(Date.now()))
  mkdirSync(folder)
  const profiling = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=500']
  let rate = Number.NaN
  {
    await using server = await start(async ({ port }) => [
      [process.execPath, ...profiling, ...(await commandFor(port))],
    ])
    await before?.(server.port)
    const url = `http://127.0.0.1:${server.port}${sessionPath}`
    const asked = { url, headers: world.headers, connections }
    // Until it is compiled.
    await requestsPerSecond({ ...asked, seconds: 2 })
    rate = await requestsPerSecond({ ...asked, seconds })
  }
  const [file = ''] = readdirSync(folder)
  const shares = sharesOf(JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile)
  for (const [where, share] of shares) (times[where] ??= []).push((share * 1e6) / rate)
}

/** @returns place → share, of the second half alone: before it the program starts, and is compiled */
function sharesOf({ nodes, samples, timeDeltas }: Profile): Map<string, number> {
  const placeOf = new Map(nodes.map(({ id, callFrame }) => [id, placeIn(callFrame)]))
  const half = timeDeltas.reduce((sum, delta) => sum + delta, 0) / 2
  const spent = new Map<string, number>()
  let passed = 0
  for (const [index, id] of samples.entries()) {
    const delta = timeDeltas[index] ?? 0
    const place = placeOf.get(id)
    passed += delta
    if (passed > half && place !== undefined) spent.set(place, (spent.get(place) ?? 0) + delta)
  }
  const all = [...spent.values()].reduce((sum, time) => sum + time, 0)
  const shares = new Map<string, number>()
  for (const [place, time] of spent) {
    // What is hardly there is not the same in every round.
    const name = time / all < 0.003 ? 'everything else' : place
    shares.set(name, (shares.get(name) ?? 0) + time / all)
  }
  return shares
}

/** The core is busy all the time: where V8 calls it idle, the system or the parser has it. */
function placeIn({ functionName, url }: Profile['nodes'][number]['callFrame']): string {
  if (functionName === '(garbage collector)') return 'collecting garbage'
  if (/^write\w*String$|^writev$/.test(functionName) && url === '') return 'system: write to sockets and pipe'
  if (functionName === '(program)' || functionName === '(idle)')
    return 'system: the rest (parser, read, poll)'
  const [, room] = /\/src\/(\w+)\//.exec(url) ?? []
  if (room !== undefined) return `src/${room}`
  const [, library] = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? []
  if (library !== undefined) return library
  if (url.startsWith('node:_http')) return 'node: http'
  if (url.startsWith('node:')) return 'node: streams, sockets, timers'
  return url === '' ? 'V8: expressions, clocks, numbers' : 'everything else'
}

if (import.meta.main) await reportAlone(measure)
