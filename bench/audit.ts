/**
 * What recording costs: hits/s with records that answers wait for, with and without a chain, with records that they do not
 * wait for, and with none. One core for the server, the other for the load and for the reader of the pipe.
 *
 *     make bench BENCH=audit
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { bundleVariant } from './contestants/variant.ts'
import { judge, median, printTable } from './report.ts'
import { portOf, sessionPath, startBenchWorld } from './world.ts'
import { ensureWrk, requestsPerSecond, startPinned } from './wrk.ts'

const rounds = 5
const seconds = 3
const connections = 64

ensureWrk()
execFileSync('make', ['build'], { stdio: 'inherit' })
await using stack = new AsyncDisposableStack()
const world = stack.use(await startBenchWorld())
const { pathname: noTrail } = new URL('contestants/no-trail.ts', import.meta.url)
const recordsNothing = await bundleVariant(
  `${world.folder}/off`,
  'src/audit/trail.ts',
  () => `export { createTrail } from ${JSON.stringify(noTrail)}`,
)

const contestants: readonly [name: string, program: string, audit: object][] = [
  ['no records', recordsNothing, {}],
  ['best-effort, chain', 'dist/main.js', { delivery: 'best-effort' }],
  ['before-response, no chain', 'dist/main.js', { chain: false }],
  ['before-response, chain', 'dist/main.js', {}],
]
const runs = new Map<string, number[]>()
const urls = new Map<string, string>()
for (const [index, [name, program, audit]] of contestants.entries()) {
  const config = await world.configure(String(index), { audit })
  const { url } = stack.use(await startPinned([program, 'serve', '-c', config], portOf))
  urls.set(name, `${url}${sessionPath}`)
  runs.set(name, [])
}
for (let round = 0; round <= rounds; round += 1) {
  for (const [name, url] of urls) {
    const rate = await requestsPerSecond({ url, headers: world.headers, seconds, connections })
    // The first round warms up.
    if (round > 0) runs.get(name)?.push(rate)
  }
}
printTable('requests/s', runs)
const [none = [], bestEffort = [], unchained = [], chained = []] = [...runs.values()].map((all) => [
  median(all),
])
const share = ([of = Number.NaN]: readonly number[], [all = Number.NaN]: readonly number[]): number =>
  of / all
process.exitCode = judge([
  {
    what: 'before-response with a chain, as a share of no records',
    measured: share(chained, none),
    atLeast: 0.75,
  },
  { what: 'the chain, as a share of none', measured: share(chained, unchained), atLeast: 0.85 },
  {
    what: 'waiting for the record, as a share of not waiting',
    measured: share(chained, bestEffort),
    atLeast: 0.9,
  },
])
