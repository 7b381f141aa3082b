/**
 * What becomes of throughput and of the slowest answers as everything grows: entries, tokens, rules and connections. One core
 * for the server; nothing may be worse than the logarithm of what grows.
 *
 *     make bench BENCH=growth
 *
 * @module
 */

import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { bundleFilled } from './contestants/filled.ts'
import { bodyOf, sessionIdOf } from './load/entries.ts'
import { bareAnswerOf, record } from './peers/contestants.ts'
import { loadCore, type Peer, start } from './peers/start.ts'
import { type Figures, type Goal, median, ratios, reportAlone } from './report.ts'
import { type BenchWorld, startBenchWorld } from './world.ts'
import { ensureWrk } from './wrk.ts'

const run = promisify(execFile)

interface Plan {
  readonly rounds: number
  readonly seconds: number
  /** Where there are many connections: to make them takes a while, too. */
  readonly connectedSeconds: number
  readonly warmUpSeconds: number
}

const quick: Plan = { rounds: 5, seconds: 1, connectedSeconds: 4, warmUpSeconds: 4 }
const full: Plan = { rounds: 9, seconds: 4, connectedSeconds: 12, warmUpSeconds: 10 }

/** One gateway, or one way of asking it. */
interface Point {
  readonly size: number
  readonly entries: number
  readonly tokens: number
  readonly rules: number
  readonly connections: number
}

const usual = { entries: 1_000, tokens: 1, rules: 1, connections: 64 }

/** The first two of each say what the logarithm allows the last one. */
const sizes = {
  entries: [1_000, 100_000, 1_000_000],
  tokens: [1, 100, 10_000],
  rules: [1, 10, 1_000],
  connections: [1, 64, 5_000],
} as const

type What = keyof typeof sizes

interface Measured {
  /** Right answers a second. */
  readonly rates: number[]
  /** Of 100 requests: the gateway refuses who would wait for longer than a quarter of a second. */
  readonly refused: number[]
  /** Milliseconds. */
  readonly p99: number[]
}

export async function measure(isFull: boolean): Promise<Figures> {
  const plan = isFull ? full : quick
  ensureWrk()
  await using stack = new AsyncDisposableStack()
  const world = stack.use(await startBenchWorld())
  const folder = await mkdtemp(join(tmpdir(), 'session-gateway-growth-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const program = await bundleFilled(join(folder, 'filled'))

  const series = new Map<What, Map<number, Measured>>()
  for (const what of Object.keys(sizes) as What[]) {
    const points = sizes[what].map((size): Point => ({ ...usual, [what]: size, size }))
    const seconds = what === 'connections' ? plan.connectedSeconds : plan.seconds
    series.set(what, await grow(points, { world, folder, program, plan: { ...plan, seconds } }))
  }
  const bare = await growBare({ world, folder, program, plan: { ...plan, seconds: plan.connectedSeconds } })
  const bytes = Number(
    execFileSync(process.execPath, ['--max-old-space-size=8192', 'bench/contestants/filled.ts', '1000000'], {
      encoding: 'utf8',
    }),
  )

  const refusals = rowsOf(series.get('connections') ?? new Map(), 'refused')
  const tables = [...series].flatMap(([what, found]) => [
    { title: `Hits on one core, by ${what}`, unit: 'requests/s', rows: rowsOf(found, 'rates') },
    { title: `99 of 100 answers come within, by ${what}`, unit: 'ms', rows: rowsOf(found, 'p99') },
  ])
  return {
    name: 'growth',
    goals: [
      ...[...series].map(([what, found]) => goalFor(what, found)),
      {
        what: 'memory of a session of 304 bytes, with a million',
        measured: bytes / 1_000,
        unit: 'KB',
        atMost: 1,
      },
    ],
    tables: [
      ...tables,
      { title: 'Refused, by connections that all ask at once', unit: '%', rows: refusals },
      {
        title: 'With node:http and no work but a line, by connections',
        unit: 'requests/s',
        rows: rowsOf(bare, 'rates'),
      },
    ],
    charts: {
      growth: {
        kind: 'lines',
        title: 'Throughput as everything grows',
        xTitle: 'times as many',
        yTitle: 'share of the throughput with the fewest',
        series: Object.fromEntries([...series].map(([what, found]) => [labelOf(what), line(found)])),
      },
    },
  }
}

interface Growing {
  readonly world: BenchWorld
  readonly folder: string
  readonly program: string
  readonly plan: Plan
}

/** All points stand side by side and take turns, so that what else the machine does is the same for all of them. */
async function grow(points: readonly Point[], growing: Growing): Promise<Map<number, Measured>> {
  const { world, folder, plan } = growing
  await using stack = new AsyncDisposableStack()
  const tokensFile = join(folder, 'tokens')
  const asking: Asking[] = []
  for (const point of points) {
    const tokens = `${tokensFile}-${point.tokens}`
    await writeFile(tokens, (await tokensOf(world, point.tokens)).join('\n'))
    const peer = stack.use(await startFilled(point, growing))
    await check(peer, point, world)
    asking.push({ point, peer, tokens })
  }
  return await takeTurns(asking, plan)
}

/** What a program on `node:http` loses with many connections that does nothing but write a line before it answers. */
async function growBare(growing: Growing): Promise<Map<number, Measured>> {
  const { world, folder, plan } = growing
  await using stack = new AsyncDisposableStack()
  const gateway = stack.use(await startFilled({ ...usual, size: 0 }, growing))
  const answer = JSON.stringify({ ...(await bareAnswerOf(gateway.port, world)), record })
  const program = [process.execPath, 'bench/contestants/bare.ts']
  const peer = stack.use(await start(async ({ port }) => [[...program, String(port), answer]]))
  const asking = sizes.connections.map((size) => ({
    point: { ...usual, connections: size, size },
    peer,
    tokens: `${join(folder, 'tokens')}-${usual.tokens}`,
  }))
  return await takeTurns(asking, plan)
}

interface Asking {
  readonly point: Point
  readonly peer: Peer
  /** A file. */
  readonly tokens: string
}

/** @returns size → what was measured */
async function takeTurns(asking: readonly Asking[], plan: Plan): Promise<Map<number, Measured>> {
  const found = new Map<number, Measured>(
    asking.map(({ point }) => [point.size, { rates: [], p99: [], refused: [] }]),
  )
  for (const each of asking) await load(each, plan.warmUpSeconds)
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const each of asking) {
      const { rate, p99, refused } = await load(each, plan.seconds)
      const measured = found.get(each.point.size)
      measured?.rates.push(rate)
      measured?.p99.push(p99)
      measured?.refused.push(refused)
    }
  }
  return found
}

async function tokensOf(world: BenchWorld, count: number): Promise<string[]> {
  const tokens: string[] = []
  while (tokens.length < count) tokens.push(await world.token())
  return tokens
}

/** The rule that permits is the last one. */
function startFilled({ entries, rules, size }: Point, { world, program }: Growing): Promise<Peer> {
  return start(async ({ port }) => {
    const others = Array.from({ length: rules - 1 }, (_, n) => [
      `other-${n}`,
      { callers: [{ issuer: 'bench', subject: `other-${n}` }], workspaces: ['default'] },
    ])
    const own = { callers: [{ issuer: 'bench', subject: 'bench' }], workspaces: ['default'] }
    const config = await world.configure(`growth-${size}-${port}`, {
      server: {
        listen: `127.0.0.1:${port}`,
        management: { listen: '127.0.0.1:0' },
        tls: 'off',
        drain: { delay: '0s' },
      },
      access: { ...Object.fromEntries(others), bench: own },
      cache: { memory: '1500MiB' },
    })
    // Half of the heap is the most that a cache may have.
    const node = [process.execPath, '--max-old-space-size=4096', program, 'serve', '-c', config]
    return [['env', `BENCH_ENTRIES=${entries}`, ...node]]
  })
}

const prefix = '/beta/security/securityCopilot/workspaces/default/sessions/'

/** @throws {Error} the first or the last entry is not what it should be */
async function check({ port }: Peer, { entries }: Point, { headers }: BenchWorld): Promise<void> {
  for (const n of [0, entries - 1]) {
    const answer = await fetch(`http://127.0.0.1:${port}${prefix}${sessionIdOf(n)}`, { headers })
    const body = await answer.text()
    if (answer.status !== 200 || body !== bodyOf(n)) throw new Error(`${answer.status} ${body}`)
    if (!/; hit;/.test(answer.headers.get('cache-status') ?? '')) throw new Error('it was no hit')
  }
}

async function load(
  { point, peer, tokens }: Asking,
  seconds: number,
): Promise<{ readonly rate: number; readonly p99: number; readonly refused: number }> {
  const upToNumber = `${prefix}${sessionIdOf(0).slice(0, -12)}`
  const shape = [
    '-t',
    '1',
    '-c',
    String(point.connections),
    '-d',
    `${seconds}s`,
    '--latency',
    '--timeout',
    '10s',
  ]
  const script = ['-s', 'bench/load/any-of.lua', `http://127.0.0.1:${peer.port}`]
  const asked = ['--', upToNumber, String(point.entries), tokens]
  const { stdout } = await run('taskset', ['-c', loadCore, 'wrk', ...shape, ...script, ...asked])
  const wrong = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0)
  const refused = wrong / Number(/(\d+) requests in/.exec(stdout)?.[1])
  // Only with thousands of connections at once can anybody have waited for so long.
  if (/Socket errors/.test(stdout) || (wrong > 0 && point.connections <= usual.connections)) {
    throw new Error(`wrong answers:\n${stdout}`)
  }
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]) * (1 - refused)
  const [, slowest, unit = ''] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout) ?? []
  const p99 = Number(slowest) * ({ us: 0.001, ms: 1, s: 1_000 }[unit] ?? Number.NaN)
  if (!(rate > 0) || !(p99 > 0)) throw new Error(`wrk did not say:\n${stdout}`)
  return { rate, p99, refused: 100 * refused }
}

/**
 * A cost that grows with the logarithm of n is, from one n to another, as many times as much as their logarithms. A million
 * entries have a goal of their own, which is stricter.
 */
function goalFor(what: What, found: ReadonlyMap<number, Measured>): Goal {
  const [first = Number.NaN, second = Number.NaN, last = Number.NaN] = sizes[what]
  const from = what === 'entries' ? first : second
  const runs = ratios(found.get(last)?.rates ?? [], found.get(from)?.rates ?? [])
  const atLeast = what === 'entries' ? 0.9 : Math.log(from) / Math.log(last)
  const [most, fewer] = [last, from].map((n) => n.toLocaleString('en'))
  return {
    what: `hits with ${most} ${what}, as a share of those with ${fewer}`,
    measured: median(runs),
    runs,
    atLeast,
  }
}

function rowsOf(found: ReadonlyMap<number, Measured>, which: keyof Measured): Record<string, number[]> {
  return Object.fromEntries(
    [...found].map(([size, measured]) => [size.toLocaleString('en'), measured[which]]),
  )
}

function line(found: ReadonlyMap<number, Measured>): [x: number, y: number][] {
  const fewest = Math.min(...found.keys())
  const rates = found.get(fewest)?.rates ?? []
  return [...found].map(([size, measured]) => [size / fewest, median(ratios(measured.rates, rates))])
}

function labelOf(what: What): string {
  const [fewest, , most] = sizes[what].map((size) => size.toLocaleString('en'))
  return `${what}, ${fewest} to ${most}`
}

if (import.meta.main) await reportAlone(measure)
