/**
 * What a hit costs: authenticated, authorised, recorded before it leaves and counted, against `node:http` that does
 * none of it. One core for the server, the other for the load.
 *
 *     make bench BENCH=hit
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
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
const { headers } = world

const bare = stack.use(await startPinned(['bench/contestants/bare.ts'], portOf))
const gateway = stack.use(
  await startPinned(['dist/main.js', 'serve', '-c', await world.configure('hit')], portOf),
)
const runs = new Map<string, number[]>([
  ['node:http, no work', []],
  ['session-gateway, hit', []],
])
for (let round = 0; round <= rounds; round += 1) {
  for (const [name, url] of [
    ['node:http, no work', bare.url],
    ['session-gateway, hit', `${gateway.url}${sessionPath}`],
  ] as const) {
    const rate = await requestsPerSecond({ url, headers, seconds, connections })
    // The first round warms up.
    if (round > 0) runs.get(name)?.push(rate)
  }
}
printTable('requests/s', runs)
const [ceiling = [], hits = []] = [...runs.values()]
process.exitCode = judge([
  {
    what: 'hit, as a share of node:http without work',
    measured: median(hits) / median(ceiling),
    atLeast: 0.25,
  },
])
