/**
 * Replicas, with the tier that they share and without it: what they ask of Graph together, what an answer takes from
 * where it is found, and what all of it costs Redis.
 *
 *     make bench BENCH=replicas
 *
 * @module
 */

import { execFile, execFileSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { startRedis } from '../test/world/redis.ts'
import { ensureRedis } from '../test/world/redis-server.ts'
import { oneByOne, percentile } from './load/one-by-one.ts'
import type { Offer, Outcome } from './load/open-loop.ts'
import { bytesOfEntries, costOf, less, middleOf, type RedisCost } from './load/redis-cost.ts'
import { play, type Replica, startReplica } from './load/replicas.ts'
import { judge, median, printMachine, printTable } from './report.ts'
import { chanceOf, zipf } from './soak/chance.ts'
import { startBenchWorld } from './world.ts'

const sessions = 2_000
const counts = [1, 2, 4, 8]
const perSecond = 500
const requests = 5_000
/** Several windows of it pass in each case. */
const freshFor = '2s'
/** How long Graph takes for an answer. */
const tripMs = 100
/**
 * Longer than the usual 50 ms: a machine with fewer cores than processes lets some wait for that long, and the trips that
 * they then make alone say nothing of the tier. What is late is measured here, and not done without.
 */
const timeout = '1s'
const rounds = 5
const bodyBytes = 304

ensureRedis()
execFileSync('make', ['build'], { stdio: 'inherit' })
await using stack = new AsyncDisposableStack()
const world = stack.use(await startBenchWorld())
const redis = stack.use(await startRedis())
const { emulator, headers } = world
const keysFile = join(world.folder, 'keys')
await writeFile(keysFile, `bench ${randomBytes(32).toString('base64')}\n`)

/** As long as those that were seen: `bodyBytes`. */
function newSessions(count: number): string[] {
  const displayName = 'x'.repeat(13)
  return Array.from({ length: count }, () => {
    const id = randomUUID()
    const at = '2026-11-24T10:00:00.0000000Z'
    emulator.graph.put('default', { id, createdDateTime: at, lastModifiedDateTime: at, displayName })
    return `/beta/security/securityCopilot/workspaces/default/sessions/${id}`
  })
}

async function start(
  count: number,
  isShared: boolean,
  cache: { readonly freshFor: string },
  cores = '0',
): Promise<Replica[]> {
  await redis.command('FLUSHALL')
  const shared = isShared ? { shared: { url: redis.url, keysFile, timeout } } : {}
  const config = await world.configure(isShared ? 'with' : 'without', { cache: { ...cache, ...shared } })
  return Promise.all(Array.from({ length: count }, () => startReplica(config, isShared, cores)))
}

async function stop(replicas: readonly Replica[]): Promise<void> {
  await Promise.all(replicas.map((replica) => replica[Symbol.asyncDispose]()))
}

interface Case {
  readonly count: number
  readonly isShared: boolean
  readonly calls: number
  readonly followed: number
  readonly alone: number
  /** On a machine that does other things as well some requests are refused; then the counts say little. */
  readonly failed: number
}

/** The same requests each time; whom each is asked of is another matter. */
async function playCase(count: number, isShared: boolean): Promise<Case> {
  const replicas = await start(count, isShared, { freshFor }, '0,1')
  const paths = newSessions(sessions)
  const [rank, asked, spread] = [zipf(sessions), chanceOf(4711, 'asked'), chanceOf(4711, `spread ${count}`)]
  emulator.fail('graph', { kind: 'delay', ms: tripMs }, Infinity)
  const before = emulator.graph.calls
  const failed = await play({
    replicas,
    headers,
    paths: Array.from({ length: requests }, () => paths[rank(asked)] ?? ''),
    perSecond,
    random: () => spread.next(),
  })
  const calls = emulator.graph.calls - before
  emulator.recover('graph')
  const trips = async (how: string): Promise<number> => {
    const found = await Promise.all(
      replicas.map((replica) => replica.count('shared_trips_total', `how="${how}"`)),
    )
    return found.reduce((sum, n) => sum + n, 0)
  }
  const [followed, alone] = [await trips('followed'), await trips('alone')]
  await stop(replicas)
  return { count, isShared, calls, followed, alone, failed }
}

async function hitsPerCpuSecond({ url, pid }: Replica, path: string): Promise<number> {
  const offer: Offer = {
    port: Number(new URL(url).port),
    pid,
    connections: 64,
    seconds: 1,
    path,
    missEvery: Number.MAX_SAFE_INTEGER,
    headers,
  }
  const program = fileURLToPath(new URL('load/open-loop.ts', import.meta.url))
  const args = ['-c', '1', process.execPath, program, JSON.stringify(offer)]
  const { stdout } = await promisify(execFile)('taskset', args)
  const { answered, odd, lost, cpuSeconds } = JSON.parse(stdout) as Outcome
  if (odd > 0 || lost > 0) throw new Error(`odd answers: ${stdout}`)
  return answered / cpuSeconds
}

const cases: Case[] = []
for (const count of counts) {
  for (const isShared of [false, true]) cases.push(await playCase(count, isShared))
}

const nobody = await costOf(redis, () => pause(5_000))
const [without, first, second] = [
  ...(await start(1, false, { freshFor: '1h' })),
  ...(await start(2, true, { freshFor: '1h' })),
]
if (without === undefined || first === undefined || second === undefined) throw new TypeError('too few')
const kinds = [
  'memory hit, without the tier',
  'memory hit, with it',
  'far hit: in Redis',
  'miss, without the tier',
  'miss, with it',
] as const
const p50 = new Map<string, number[]>(kinds.map((kind) => [kind, []]))
const p99 = new Map<string, number[]>(kinds.map((kind) => [kind, []]))
const ratios: number[] = []
const [rates, sharedRates]: [number[], number[]] = [[], []]
const costs: { miss: RedisCost; far: RedisCost }[] = []
const idle = await costOf(redis, () => pause(5_000))
const idleEach = less(idle, idle.seconds * 2, nobody)
const many = sessions / rounds

for (let round = 0; round <= rounds; round += 1) {
  const paths = newSessions(many)
  const took = new Map<string, number[]>()
  const ask = async (kind: (typeof kinds)[number], { url }: Replica, status: RegExp): Promise<void> => {
    took.set(kind, await oneByOne(url, paths, headers, status))
  }
  await ask('miss, without the tier', without, /fwd=/)
  const miss = await costOf(redis, () => ask('miss, with it', first, /fwd=/))
  const far = await costOf(redis, () => ask('far hit: in Redis', second, /; hit/))
  for (const swapped of [false, true]) {
    // Once the one first, once the other.
    if (swapped === (round % 2 === 0)) await ask('memory hit, without the tier', without, /; hit/)
    else await ask('memory hit, with it', second, /; hit/)
  }
  const [path = ''] = paths
  // In this order what drifts meanwhile drifts for both.
  const rate = await hitsPerCpuSecond(without, path)
  const sharedRate = await hitsPerCpuSecond(second, path)
  const sharedRateAgain = await hitsPerCpuSecond(second, path)
  const rateAgain = await hitsPerCpuSecond(without, path)
  // The first round warms up.
  if (round === 0) continue
  for (const [kind, values] of took) {
    p50.get(kind)?.push(percentile(values, 0.5))
    p99.get(kind)?.push(percentile(values, 0.99))
  }
  rates.push(rate, rateAgain)
  sharedRates.push(sharedRate, sharedRateAgain)
  ratios.push((sharedRate + sharedRateAgain) / (rate + rateAgain))
  costs.push({ miss: less(miss, many, idle), far: less(far, many, idle) })
}
const entryBytes = await bytesOfEntries(redis)
await stop([without, first, second])

const line = (cells: readonly (string | number)[]): string =>
  cells.map((cell, n) => (n === 0 ? String(cell).padEnd(30) : String(cell).padStart(13))).join('') + '\n'
const [one] = cases
const callsOfOne = one?.calls ?? Number.NaN
printMachine()
process.stdout.write(
  `\n${requests} requests, ${perSecond}/s, for ${sessions} sessions (Zipf, s = 1.2), freshFor ${freshFor}, Graph takes ${tripMs} ms\n`,
)
process.stdout.write(line(['replicas', 'Graph calls', 'of one', 'followed', 'alone', 'not 200']))
for (const { count, isShared, calls, followed, alone, failed } of cases) {
  const name = `${count}, ${isShared ? 'with' : 'without'} the tier`
  const more = isShared ? [followed, alone] : ['–', '–']
  process.stdout.write(line([name, calls, (calls / callsOfOne).toFixed(2), ...more, failed]))
}
process.stdout.write(
  `\nOne request after another, ${many} of each kind in each of ${rounds} rounds; Graph answers at once\n`,
)
printTable('µs, p50', p50)
printTable('µs, p99', p99)
process.stdout.write('\n64 connections\n')
printTable(
  'memory hits per second of processor time',
  new Map([
    ['without the tier', rates],
    ['with it', sharedRates],
  ]),
)
process.stdout.write('\nWhat Redis does (medians of the rounds)\n')
process.stdout.write(line(['', 'commands', 'in scripts', 'bytes in', 'bytes out', 'µs of CPU']))
for (const [name, cost] of [
  ['for a far hit', middleOf(costs.map(({ far }) => far))],
  ['for a miss', middleOf(costs.map(({ miss }) => miss))],
  ['for an idle replica, a second', idleEach],
] as const) {
  const { commands, inScripts, bytesIn, bytesOut, microseconds } = cost
  const cells = [
    commands.toFixed(2),
    inScripts.toFixed(2),
    ...[bytesIn, bytesOut, microseconds].map((n) => n.toFixed(0)),
  ]
  process.stdout.write(line([name, ...cells]))
}
process.stdout.write(
  `an entry whose body has ${bodyBytes} bytes: ${median(entryBytes)} bytes (MEMORY USAGE, median of ${entryBytes.length})\n\n`,
)
process.exitCode = judge([
  ...cases
    .filter(({ isShared }) => isShared)
    .map(({ count, calls }) => ({
      what: `calls of one replica, as a share of those of ${count} with the tier`,
      measured: callsOfOne / calls,
      atLeast: 1 / 1.1,
    })),
  {
    what: 'memory hits with the tier, as a share of those without, per second of processor time',
    measured: median(ratios),
    atLeast: 0.95,
  },
])
