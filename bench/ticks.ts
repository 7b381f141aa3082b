/**
 * What `process.nextTick` costs after a full collection, with and without one of its objects kept (`src/ticks.ts`).
 *
 *     make bench BENCH=ticks
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { keepTicksQuick } from '../src/ticks.ts'
import { judge, median, printTable } from './report.ts'

const rounds = 5
/** Enough for V8 to note what it sees, and too few for it to optimise: as of a server that has just started. */
const callsBefore = 100
const calls = 3_000_000

const ways = ['no collection', 'a collection', 'a collection, one kept'] as const

/** @returns nanoseconds each */
async function costOf(way: string): Promise<number> {
  if (way === 'a collection, one kept') keepTicksQuick()
  await manyTicks(callsBefore)
  // On a fresh turn, with no such object about.
  await new Promise((resolve) => void setImmediate(resolve))
  if (way !== 'no collection') {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    collect()
  }
  await new Promise((resolve) => void setImmediate(resolve))
  await manyTicks(calls)
  const begunAt = performance.now()
  await manyTicks(calls)
  return ((performance.now() - begunAt) * 1e6) / calls
}

function manyTicks(count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count
    function tick(): void {
      left -= 1
      if (left === 0) resolve()
      else process.nextTick(tick)
    }
    tick()
  })
}

const [asked] = process.argv.slice(2)
if (asked === undefined) {
  const runs = new Map<string, number[]>(ways.map((way) => [way, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const way of ways) {
      const cost = execFileSync(process.execPath, [import.meta.filename, way], { encoding: 'utf8' })
      runs.get(way)?.push(Number(cost))
    }
  }
  printTable('ns each', runs)
  const [none = Number.NaN, , kept = Number.NaN] = [...runs.values()].map((all) => median(all))
  process.exitCode = judge([
    {
      what: 'nextTick after a collection, one kept, times that without one',
      measured: kept / none,
      atMost: 1.5,
    },
  ])
} else process.stdout.write(String(await costOf(asked)))
