/**
 * How a benchmark speaks: what it ran on, a table, then a verdict line a goal. Times are never judged, only ratios
 * within one run: machines are noisy, and differ.
 *
 * @module
 */

import { cpus } from 'node:os'

export interface Goal {
  readonly what: string
  /** As measured in this run. */
  readonly measured: number
  readonly atLeast: number
}

export function printMachine(): void {
  print(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${process.platform}`)
}

/** @param spreads one row a contestant: its name and its runs */
export function printTable(unit: string, spreads: ReadonlyMap<string, readonly number[]>): void {
  printMachine()
  const width = Math.max(...[...spreads.keys()].map((name) => name.length))
  print(
    `${'contestant'.padEnd(width)}  ${'median'.padStart(10)}  ${'min'.padStart(10)}  ${'max'.padStart(10)}  ${unit}`,
  )
  for (const [name, runs] of spreads) {
    const row = [median(runs), Math.min(...runs), Math.max(...runs)].map((n) => n.toFixed(0).padStart(10))
    print(`${name.padEnd(width)}  ${row.join('  ')}`)
  }
}

/** @returns the exit code: 1 when a goal is missed */
export function judge(goals: readonly Goal[]): number {
  let code = 0
  for (const { what, measured, atLeast } of goals) {
    const isMet = measured >= atLeast
    if (!isMet) code = 1
    print(
      `${isMet ? 'MET   ' : 'MISSED'}  ${what}: ${measured.toFixed(2)} (goal: at least ${atLeast.toFixed(2)})`,
    )
  }
  return code
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
