/**
 * Three times what one core can carry: what is still answered, how quickly the rest is refused, whether probes are
 * answered in time, and what it does to memory. One core for the server, the other for the load.
 *
 *     make bench BENCH=overload
 *
 * @module
 */

import { execFile, execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Offer, Outcome } from './load/open-loop.ts'
import { judge, median, printMachine } from './report.ts'
import { portsOf, sessionPath, startBenchWorld } from './world.ts'
import { startPinned } from './wrk.ts'

const connections = 4_000
const seconds = 10
const probeEveryMs = 100

execFileSync('make', ['build'], { stdio: 'inherit' })
await using stack = new AsyncDisposableStack()
const world = stack.use(await startBenchWorld())
let managementPort = 0
const gateway = stack.use(
  await startPinned(['dist/main.js', 'serve', '-c', await world.configure('overload')], (line) => {
    const { port, managementPort: other } = portsOf(line)
    managementPort = other ?? managementPort
    return port
  }),
)
const common = {
  pid: gateway.pid,
  port: Number(new URL(gateway.url).port),
  path: sessionPath,
  headers: world.headers,
  missEvery: 200,
}

async function load(shape: Omit<Offer, keyof typeof common>): Promise<Outcome> {
  const program = fileURLToPath(new URL('load/open-loop.ts', import.meta.url))
  const args = ['-c', '1', process.execPath, program, JSON.stringify({ ...common, ...shape })]
  const { stdout } = await promisify(execFile)('taskset', args)
  return JSON.parse(stdout) as Outcome
}

/** @returns how long it took, in milliseconds */
function probe(path: string): Promise<number> {
  const begunAt = performance.now()
  return new Promise((resolve) => {
    const asked = request({ port: managementPort, host: '127.0.0.1', path, agent: false }, (response) => {
      response.resume().once('end', () => resolve(performance.now() - begunAt))
    })
    asked.once('error', () => resolve(Infinity)).end()
  })
}

function residentMiB(): number {
  const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
}

interface Step extends Outcome {
  readonly name: string
  readonly livez: readonly number[]
  readonly readyz: readonly number[]
  readonly memory: readonly [before: number, peak: number, after: number]
}

async function step(name: string, shape: Omit<Offer, keyof typeof common>): Promise<Step> {
  const before = residentMiB()
  let peak = before
  const [livez, readyz]: [number[], number[]] = [[], []]
  const probing = setInterval(() => {
    peak = Math.max(peak, residentMiB())
    void probe('/livez').then((ms) => livez.push(ms))
    void probe('/readyz').then((ms) => readyz.push(ms))
  }, probeEveryMs)
  const outcome = await load(shape)
  clearInterval(probing)
  // Its connections have gone, and what was left unread.
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  return { name, ...outcome, livez, readyz, memory: [before, peak, residentMiB()] }
}

await load({ connections: 64, seconds: 3 })
const steps = [await step('closed, 64 connections', { connections: 64, seconds })]
const peakRate = (steps[0]?.answered ?? 0) / (steps[0]?.seconds ?? 1)
for (const times of [0.5, 1, 2, 3]) {
  steps.push(await step(`${times} × that, ${connections}`, { connections, seconds, rate: times * peakRate }))
}

/** Per second that the server had of its core: a machine that does other things as well shall not be judged. */
const useful = (each: Step): number => each.answered / each.cpuSeconds

printMachine()
const columns = [
  'offered/s',
  'unsent/s',
  '200/s',
  '503/s',
  'cpu %',
  '200/cpu-s',
  '200 p50',
  'p99',
  '503 p50',
  'p99',
  'livez',
  'max',
  'readyz',
  'max',
  'MiB',
  'peak',
  'after',
  'odd',
  'lost',
]
const row = (name: string, cells: readonly string[]): string =>
  name.padEnd(24) + cells.map((cell) => cell.padStart(10)).join('') + '\n'
process.stdout.write(row('', columns))
for (const each of steps) {
  const perSecond = (count: number): number => count / each.seconds
  const numbers = [
    perSecond(each.due),
    perSecond(each.unsent),
    perSecond(each.answered),
    perSecond(each.refused),
    (100 * each.cpuSeconds) / each.seconds,
    useful(each),
    ...each.answeredAfter,
    ...each.refusedAfter,
    median(each.livez),
    Math.max(...each.livez),
    median(each.readyz),
    Math.max(...each.readyz),
    ...each.memory,
    each.odd,
    each.lost,
  ]
  process.stdout.write(
    row(
      each.name,
      numbers.map((n) => n.toFixed(0)),
    ),
  )
}
// The closed loop's, as a rule.
const most = Math.max(...steps.map(useful))
const last = steps.at(-1)
process.exitCode = judge([
  {
    what: 'useful answers at three times the peak, as a share of their peak',
    measured: last === undefined ? 0 : useful(last) / most,
    atLeast: 0.8,
  },
  {
    what: 'a second, over the slowest /livez',
    measured: 1000 / Math.max(...steps.flatMap(({ livez }) => livez)),
    atLeast: 1,
  },
  {
    what: 'a second, over the slowest /readyz',
    measured: 1000 / Math.max(...steps.flatMap(({ readyz }) => readyz)),
    atLeast: 1,
  },
  {
    what: 'a second, over the median refusal at three times the peak',
    measured: last !== undefined && last.refused > 0 ? 1000 / last.refusedAfter[0] : Infinity,
    atLeast: 1,
  },
  {
    what: 'memory before the last step, as a share of that after it',
    measured: (last?.memory[0] ?? 0) / (last?.memory[2] ?? 1),
    atLeast: 0.8,
  },
])
