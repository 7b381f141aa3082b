/**
 * Where the time goes of a hit, of the first use of a token and of a miss: V8's samples of a gateway that is asked for nothing
 * else, by the room (or the module of Node, or the library) in which they were taken; and the same of a program on `node:http`
 * that does nothing but write a line before it answers. The gateway runs from its sources, so that each sample has its file.
 *
 *     make bench BENCH=profile
 *
 * @module
 */

import { execFile, execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { EachOnce } from './load/each-once.ts'
import { oneByOne } from './load/one-by-one.ts'
import { bareAnswerOf, record } from './peers/contestants.ts'
import { loadCore, start } from './peers/start.ts'
import { type Figures, reportAlone } from './report.ts'
import { type BenchWorld, sessionPath, startBenchWorld } from './world.ts'
import { ensureWrk, requestsPerSecond } from './wrk.ts'

const connections = 64

interface Plan {
  readonly rounds: number
  readonly seconds: number
  readonly tokens: number
  readonly misses: number
}

const quick: Plan = { rounds: 5, seconds: 8, tokens: 5_000, misses: 2_000 }
const full: Plan = { rounds: 9, seconds: 20, tokens: 10_000, misses: 5_000 }
const warmUpMisses = 3_000

interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string }
  }[]
  readonly samples: readonly number[]
  /** Microseconds of the machine's monotonic clock. */
  readonly startTime: number
  readonly timeDeltas: readonly number[]
}

/** Place → microseconds of a request, in each round. */
type Times = Record<string, number[]>

interface Profiled {
  readonly title: string
  readonly times: Times
  readonly commandFor: (port: number) => Promise<string[]>
  /** Warms up, and asks. */
  readonly load: (port: number) => Promise<Loaded>
  /** What V8 calls idle; `undefined`: nobody asks for anything then. */
  readonly idle?: string
}

/** When it was asked, on the machine's monotonic clock in microseconds, and how often. */
interface Loaded {
  readonly from: number
  readonly to: number
  readonly requests: number
}

/** The core is busy all the time. */
const system = 'system: the rest (parser, read, poll)'

export async function measure(isFull: boolean): Promise<Figures> {
  const plan = isFull ? full : quick
  ensureWrk()
  // The emulator, and all else that is not measured.
  execFileSync('taskset', ['-apc', loadCore, String(process.pid)], { stdio: 'ignore' })
  await using world = await startBenchWorld()
  let bare = ''
  const hits = async (port: number): Promise<Loaded> => {
    const asked = { url: `http://127.0.0.1:${port}${sessionPath}`, headers: world.headers, connections }
    // Until it is compiled.
    await requestsPerSecond({ ...asked, seconds: 2 })
    const from = now()
    const rate = await requestsPerSecond({ ...asked, seconds: plan.seconds })
    const to = now()
    return { from, to, requests: (rate * (to - from)) / 1e6 }
  }
  const commandFor = (port: number): Promise<string[]> => gatewayFor(port, world)
  const all: Profiled[] = [
    {
      title: 'Where the time of a hit goes',
      times: {},
      commandFor,
      async load(port) {
        bare = JSON.stringify({ ...(await bareAnswerOf(port, world)), record })
        return hits(port)
      },
      idle: system,
    },
    {
      title: 'Where it goes with node:http and no work but a line',
      times: {},
      commandFor: async (port) => ['bench/contestants/bare.ts', String(port), bare],
      load: hits,
      idle: system,
    },
    {
      title: 'Where that of the first use of a token goes',
      times: {},
      commandFor,
      load: (port) => firstUses(port, world, plan.tokens),
      idle: 'the signature (other threads), system: the rest',
    },
    {
      title: 'Where that of a miss goes',
      times: {},
      commandFor,
      load: (port) => misses(port, world, plan.misses),
    },
  ]
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const each of all) await profile(each, world)
  }
  return {
    name: 'profile',
    goals: [],
    tables: all.map(({ title, times }) => ({ title, unit: 'µs', rows: sorted(times) })),
  }
}

async function gatewayFor(port: number, world: BenchWorld): Promise<string[]> {
  const server = {
    listen: `127.0.0.1:${port}`,
    management: { listen: '127.0.0.1:0' },
    tls: 'off',
    drain: { delay: '0s' },
  }
  const config = await world.configure('profile', { server, audit: { chain: false } })
  return ['src/main.ts', 'serve', '-c', config]
}

/** Of a session that is there. */
async function firstUses(port: number, world: BenchWorld, count: number): Promise<Loaded> {
  const tokens = (): Promise<string[]> => Promise.all(Array.from({ length: count }, () => world.token()))
  const tokensFile = join(world.folder, 'first-uses')
  let loaded: Loaded = { from: 0, to: 0, requests: count }
  // The first ones are for the compiler.
  for (let turn = 0; turn < 2; turn += 1) {
    writeFileSync(tokensFile, (await tokens()).join('\n'))
    const asked: EachOnce = { port, connections, path: sessionPath, tokensFile, known: world.headers }
    const program = [process.execPath, 'bench/load/each-once.ts', JSON.stringify(asked)]
    const { stdout } = await promisify(execFile)('taskset', ['-c', loadCore, ...program])
    const to = now()
    loaded = { from: to - Number(stdout) * 1e6, to, requests: count }
  }
  return loaded
}

async function misses(port: number, world: BenchWorld, count: number): Promise<Loaded> {
  const at = '2026-11-24T10:00:00.0000000Z'
  const newPaths = (howMany: number): string[] =>
    Array.from({ length: howMany }, () => {
      const id = randomUUID()
      world.emulator.graph.put('default', {
        id,
        createdDateTime: at,
        lastModifiedDateTime: at,
        displayName: 'x'.repeat(13),
      })
      return `/beta/security/securityCopilot/workspaces/default/sessions/${id}`
    })
  const url = `http://127.0.0.1:${port}`
  await oneByOne(url, newPaths(warmUpMisses), world.headers, /fwd=uri-miss/)
  const paths = newPaths(count)
  const from = now()
  await oneByOne(url, paths, world.headers, /fwd=uri-miss/)
  return { from, to: now(), requests: count }
}

function now(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}

function sorted(times: Times): Times {
  const all = Object.entries(times)
  return Object.fromEntries(all.toSorted(([, one], [, other]) => Math.max(...other) - Math.max(...one)))
}

async function profile({ times, commandFor, load, idle }: Profiled, world: BenchWorld): Promise<void> {
  const folder = join(world.folder, String(Date.now()))
  mkdirSync(folder)
  const profiling = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=500']
  let loaded: Loaded
  {
    await using server = await start(async ({ port }) => [
      [process.execPath, ...profiling, ...(await commandFor(port))],
    ])
    loaded = await load(server.port)
  }
  const [file = ''] = readdirSync(folder)
  const taken = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile
  for (const [where, micros] of timesOf(taken, loaded, idle)) (times[where] ??= []).push(micros)
}

/** @returns place → microseconds of a request */
function timesOf(
  { nodes, samples, startTime, timeDeltas }: Profile,
  { from, to, requests }: Loaded,
  idle: string | undefined,
): Map<string, number> {
  const placeOf = new Map(nodes.map(({ id, callFrame }) => [id, placeIn(callFrame, idle)]))
  const spent = new Map<string, number>()
  let at = startTime
  for (const [index, id] of samples.entries()) {
    const delta = timeDeltas[index] ?? 0
    const place = placeOf.get(id)
    at += delta
    if (at > from && at <= to && place !== undefined) spent.set(place, (spent.get(place) ?? 0) + delta)
  }
  const all = [...spent.values()].reduce((sum, time) => sum + time, 0)
  const times = new Map<string, number>()
  for (const [place, time] of spent) {
    // What is hardly there is not the same in every round.
    const name = time / all < 0.003 ? 'everything else' : place
    times.set(name, (times.get(name) ?? 0) + time / requests)
  }
  return times
}

/** @returns undefined where nothing was done */
function placeIn(
  { functionName, url }: Profile['nodes'][number]['callFrame'],
  idle: string | undefined,
): string | undefined {
  if (functionName === '(idle)') return idle
  if (functionName === '(program)') return idle ?? system
  if (functionName === '(garbage collector)') return 'collecting garbage'
  if (/^write\w*String$|^writev$/.test(functionName) && url === '') return 'system: write to sockets and pipe'
  const [, room] = /\/src\/(\w+)\//.exec(url) ?? []
  if (room !== undefined) return `src/${room}`
  const [, library] = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? []
  if (library !== undefined) return library
  if (url.startsWith('node:_http')) return 'node: http'
  if (/^node:(?:internal\/)?(?:crypto|encoding)/.test(url)) return 'node: crypto'
  if (url.startsWith('node:')) return 'node: streams, sockets, timers'
  return url === '' ? 'V8: expressions, clocks, numbers' : 'everything else'
}

if (import.meta.main) await reportAlone(measure)
