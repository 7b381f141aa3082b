/**
 * How a benchmark speaks: what it ran on, tables, then a verdict line a goal. Ratios within one run are judged, and what
 * it takes in time or memory only where no contestant does the same: machines are noisy, and differ.
 *
 * @module
 */

import { cpus } from 'node:os'
import type { Chart } from './chart.ts'

/** One row of the goals table. */
export interface Goal {
  readonly what: string
  /** The median, where there are several runs. */
  readonly measured: number
  /** One value a round: the spread. */
  readonly runs?: readonly number[]
  /** A ratio when absent. */
  readonly unit?: '×' | 'ms' | 'MB' | 'KB'
  /** Exactly one of the two. */
  readonly atLeast?: number
  readonly atMost?: number
}

/** Contestants and their runs. */
export interface Table {
  readonly title: string
  readonly unit: string
  readonly rows: Readonly<Record<string, readonly number[]>>
}

/** What a file of benchmarks gives. */
export interface Figures {
  readonly name: string
  readonly goals: readonly Goal[]
  readonly tables: readonly Table[]
  /** Name of the file → what it draws. */
  readonly charts?: Readonly<Record<string, Chart>>
}

/**
 * For a file that is run by itself: prints what it gives, and exits 1 when a goal is missed. The process that forked it
 * gets the figures as a message.
 *
 *     if (import.meta.main) await reportAlone(measure)
 */
export async function reportAlone(measure: (isFull: boolean) => Promise<Figures>): Promise<void> {
  const figures = await measure(process.env['FULL'] === '1')
  printMachine()
  for (const { title, unit, rows } of figures.tables) {
    print(`\n${title}`)
    printRows(unit, new Map(Object.entries(rows)))
  }
  print('')
  process.exitCode = judge(figures.goals)
  process.send?.(figures)
}

export function printMachine(): void {
  print(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${process.platform}`)
}

/** @param spreads one row a contestant: its name and its runs */
export function printTable(unit: string, spreads: ReadonlyMap<string, readonly number[]>): void {
  printMachine()
  printRows(unit, spreads)
}

function printRows(unit: string, spreads: ReadonlyMap<string, readonly number[]>): void {
  const width = Math.max(...[...spreads.keys()].map((name) => name.length))
  print(
    `${'contestant'.padEnd(width)}  ${'median'.padStart(10)}  ${'min'.padStart(10)}  ${'max'.padStart(10)}  ${unit}`,
  )
  for (const [name, runs] of spreads) {
    const row = [median(runs), Math.min(...runs), Math.max(...runs)].map((n) => readable(n).padStart(10))
    print(`${name.padEnd(width)}  ${row.join('  ')}`)
  }
}

/** For the table of goals: of each round by itself, so that what slows a whole round down counts for neither. */
export function ratios(of: readonly number[], to: readonly number[]): number[] {
  return of.map((value, round) => value / (to[round] ?? Number.NaN))
}

/** @returns the exit code: 1 when a goal is missed */
export function judge(goals: readonly Goal[]): number {
  for (const goal of goals) {
    const spread = spreadOf(goal)
    print(
      `${isMet(goal) ? 'MET   ' : 'MISSED'}  ${goal.what}: ${withUnit(goal, goal.measured)}${
        spread === undefined ? '' : `, ${spread}`
      } (goal: ${boundOf(goal)})`,
    )
  }
  return goals.every(isMet) ? 0 : 1
}

/** What was not measured is missed. */
export function isMet({ measured, atLeast = -Infinity, atMost = Infinity }: Goal): boolean {
  return measured >= atLeast && measured <= atMost
}

/** 'at least 1.10' */
export function boundOf(goal: Goal): string {
  const { atLeast, atMost = Number.NaN } = goal
  return atLeast === undefined ? `at most ${withUnit(goal, atMost)}` : `at least ${withUnit(goal, atLeast)}`
}

/** '1.05 to 1.18'; undefined where there was but one run. */
export function spreadOf(goal: Goal): string | undefined {
  const { runs = [] } = goal
  if (runs.length < 2) return undefined
  return `${readable(Math.min(...runs))} to ${withUnit(goal, Math.max(...runs))}`
}

/** '1.12' for a ratio, '0.31 ms' for the others. */
export function withUnit({ unit = '×' }: Pick<Goal, 'unit'>, value: number): string {
  return unit === '×' ? readable(value) : `${readable(value)} ${unit}`
}

/** No more digits than say something. */
export function readable(value: number): string {
  const size = Math.abs(value)
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 3)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
