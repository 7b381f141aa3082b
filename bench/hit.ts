/**
 * What a hit costs: authenticated, authorised, recorded before it leaves and counted, against what people would use instead,
 * and against `node:http` that does none of it. One core for the server, the other for the load.
 *
 *     make bench BENCH=hit
 *
 * @module
 */

import { execFile, execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { EachOnce } from './load/each-once.ts'
import type { Latency, Paced } from './load/paced.ts'
import { check, checkCiphers, type Contestant, names, startContestants, urlOf } from './peers/contestants.ts'
import { watchCores } from './peers/cores.ts'
import { ensureNginx } from './peers/nginx.ts'
import { loadCore, serverCore } from './peers/start.ts'
import { ensureVarnish } from './peers/varnish.ts'
import { startWorld, type World } from './peers/world.ts'
import { type Figures, type Goal, median, ratios, reportAlone } from './report.ts'
import { sessionPath } from './world.ts'
import { ensureWrk, requestsPerSecond } from './wrk.ts'

const connections = 64

interface Plan {
  readonly rounds: number
  readonly seconds: number
  /** In each round, of a second each, at half of saturation. */
  readonly turns: number
  readonly tokens: number
}

const quick: Plan = { rounds: 5, seconds: 2, turns: 5, tokens: 3_000 }
const full: Plan = { rounds: 9, seconds: 8, turns: 9, tokens: 10_000 }

/** Contestant → what it had in each round. */
type Runs = Record<string, number[]>

export async function measure(isFull: boolean): Promise<Figures> {
  const plan = isFull ? full : quick
  ensureWrk()
  ensureNginx()
  ensureVarnish()
  execFileSync('make', ['-s', 'build'], { stdio: 'inherit' })
  // The emulator, and all else that is not measured.
  execFileSync('taskset', ['-apc', loadCore, String(process.pid)], { stdio: 'ignore' })
  await using stack = new AsyncDisposableStack()
  const world = stack.use(await startWorld())
  const contestants = await startContestants(world, stack)
  await check(contestants, world)
  await checkCiphers(contestants, world)

  const hits: Runs = Object.fromEntries(Object.values(names).map((name) => [name, []]))
  const [cores, tokens]: [Runs, Runs] = [{}, {}]
  for (let round = 0; round <= plan.rounds; round += 1) {
    // The first round warms up.
    const add = (runs: Runs, name: string, value: number): void => {
      if (round > 0) (runs[name] ??= []).push(value)
    }
    let [server, load] = [100, 0]
    for (const contestant of contestants) {
      const busy = watchCores()
      const asked = { url: urlOf(contestant), headers: world.headers, seconds: plan.seconds, connections }
      add(hits, contestant.name, await requestsPerSecond(asked))
      const [ofServer = Number.NaN, ofLoad = Number.NaN] = busy()
      server = Math.min(server, ofServer)
      load = Math.max(load, ofLoad)
    }
    add(cores, 'the server’s, under whoever kept it least busy', server)
    add(cores, 'the load’s, under whoever kept it most busy', load)
    const { first, crypto } = await firstUse(contestants, plan, world)
    add(tokens, 'first use', first)
    add(tokens, 'jwtVerify alone', crypto)
  }
  // The same for both: at half of its own saturation the slower one would have the easier load.
  const slower = Math.min(...[names.gateway, names.nginx].map((name) => median(hits[name] ?? [])))
  const rate = Math.floor(slower / 2)
  const asked = [names.gateway, names.nginx, names.recorded]
  const latencies = await paced(
    asked.map((name) => named(name, contestants)),
    { rate, turns: plan.rounds * plan.turns },
    world,
  )
  // The middle one of a round's seconds: the others have what the machine did besides.
  const byRound = (turns: readonly number[]): number[] =>
    Array.from({ length: plan.rounds }, (_, round) =>
      median(turns.slice(round * plan.turns, (round + 1) * plan.turns)),
    )
  const [p50, p99] = (['p50', 'p99'] as const).map((which) =>
    Object.fromEntries(latencies.map((latency, index) => [asked[index] ?? '', byRound(latency[which])])),
  ) as [Runs, Runs]
  await check(contestants, world)

  const at = `at ${rate.toLocaleString('en')} requests/s`
  return {
    name: 'hit',
    goals: goals(hits, tokens, p99),
    tables: [
      { title: 'Hits on one core', unit: 'requests/s', rows: hits },
      { title: `Half of the answers come within, ${at}`, unit: 'ms', rows: p50 },
      { title: `99 of 100 answers come within, ${at}`, unit: 'ms', rows: p99 },
      {
        title: 'The first use of a token, and its parts',
        unit: 'µs',
        rows: { ...tokens, 'a hit': microsOf(hits) },
      },
      { title: 'How busy the cores were', unit: '%', rows: cores },
    ],
    charts: { hit: { kind: 'bars', title: 'Hits on one core', unit: 'requests/s', rows: hits } },
  }
}

function goals(hits: Runs, tokens: Runs, p99: Runs): Goal[] {
  const share = (of: string, to: string): number[] => ratios(hits[of] ?? [], hits[to] ?? [])
  const apart = microsOf(hits).map((hit, round) => hit + (tokens['jwtVerify alone']?.[round] ?? Number.NaN))
  return [
    atLeast(1.1, 'hit, as a share of nginx proxy_cache', share(names.gateway, names.nginx)),
    atLeast(0.9, 'hit, as a share of node:http without work', share(names.gateway, names.bare)),
    atLeast(1, 'hit with chained records, as a share of nginx', share(names.chained, names.nginx)),
    atLeast(0.8, 'hit over TLS, as a share of nginx over TLS', share(names.secure, names.nginxSecure)),
    // The same job, as near as nginx comes to it. One that keeps verdicts does not look at the token any more.
    atLeast(3, 'hit, times nginx whose njs verifies each token', share(names.gateway, names.njs)),
    atLeast(3, 'hit, times nginx that asks a verifier', share(names.gateway, names.authRequest)),
    {
      what: 'p99 at half of saturation, times that of nginx',
      ...spread(ratios(p99[names.gateway] ?? [], p99[names.nginx] ?? [])),
      atMost: 1.5,
    },
    // A first use cannot be had for less than the signature and what any hit costs.
    atLeast(
      0.9,
      'a hit and its crypto apart, as a share of a first use',
      ratios(apart, tokens['first use'] ?? []),
    ),
  ]
}

function atLeast(least: number, what: string, runs: readonly number[]): Goal {
  return { what, ...spread(runs), atLeast: least }
}

function spread(runs: readonly number[]): Pick<Goal, 'measured' | 'runs'> {
  return { measured: median(runs), runs }
}

/** What one takes, where the server's core does nothing else. */
function microsOf(hits: Runs): number[] {
  return (hits[names.gateway] ?? []).map((rate) => 1e6 / rate)
}

function named(name: string, contestants: readonly Contestant[]): Contestant {
  const found = contestants.find((contestant) => contestant.name === name)
  if (found === undefined) throw new Error(`nobody is ${name}`)
  return found
}

/** @returns microseconds a token: at the gateway, for a session that it has, and of the crypto by itself on that core */
async function firstUse(
  contestants: readonly Contestant[],
  plan: Plan,
  world: World,
): Promise<{ readonly first: number; readonly crypto: number }> {
  const tokensFile = join(world.folder, 'tokens')
  await writeFile(tokensFile, (await world.newTokens(plan.tokens)).join('\n'))
  const crypto = Number(await program(serverCore, 'contestants/crypto.ts', [tokensFile, ...world.verifying]))
  const { port } = named(names.gateway, contestants)
  const each: EachOnce = { port, connections, path: sessionPath, tokensFile, known: world.headers }
  const seconds = Number(await program(loadCore, 'load/each-once.ts', [JSON.stringify(each)]))
  return { first: (seconds * 1e6) / plan.tokens, crypto }
}

async function paced(
  contestants: readonly Contestant[],
  pace: Pick<Paced, 'rate' | 'turns'>,
  { headers }: World,
): Promise<Latency[]> {
  const ports = contestants.map(({ port }) => port)
  const asked: Paced = { ...pace, ports, connections, path: sessionPath, headers }
  // It never rests, and would keep those who read the records from the core, for milliseconds at a time.
  return JSON.parse(await program(loadCore, 'load/paced.ts', [JSON.stringify(asked)], 19)) as Latency[]
}

/**
 * @param niceness above 0: it yields to whoever else wants the core
 * @returns what it prints
 */
async function program(core: string, file: string, args: readonly string[], niceness = 0): Promise<string> {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const pinned = ['-c', core, 'nice', '-n', String(niceness), process.execPath, path, ...args]
  const { stdout } = await promisify(execFile)('taskset', pinned)
  return stdout
}

if (import.meta.main) await reportAlone(measure)
