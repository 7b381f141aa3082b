/**
 * Every goal of performance in one table. What was measured stays in `bench/results`, and in the page that shows it.
 *
 *     make bench
 *     make bench FULL=1
 *
 * @module
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { document } from './document.ts'
import { boundOf, type Figures, isMet, printMachine, spreadOf, withUnit } from './report.ts'
import { measured, resultOf, write } from './results.ts'

const isFull = process.env['FULL'] === '1'

/** In a process of its own: what one leaves in memory would be another's. */
async function run(name: string): Promise<Figures | undefined> {
  const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url))
  if (!existsSync(file)) return undefined
  process.stdout.write(`\n── ${name} ${'─'.repeat(100 - name.length)}\n`)
  const child = fork(file)
  let figures: Figures | undefined
  child.on('message', (message) => (figures = message as Figures))
  await once(child, 'exit')
  return figures
}

const all: Figures[] = []
const failed: string[] = []
for (const name of measured) {
  const figures = await run(name)
  if (figures === undefined) {
    failed.push(name)
  } else {
    all.push(figures)
    await write(resultOf(figures, isFull))
  }
}
await document()

const goals = all.flatMap((figures) => figures.goals)
const rows = goals.map((goal) => [
  goal.what,
  boundOf(goal),
  withUnit(goal, goal.measured),
  spreadOf(goal) ?? '',
  isMet(goal) ? 'MET' : 'MISSED',
])
const table = [['what', 'goal', 'measured', 'spread', ''], ...rows]
const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
process.stdout.write(`\n── goals ${'─'.repeat(95)}\n`)
printMachine()
for (const row of table) {
  process.stdout.write(`${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}\n`)
}
for (const name of failed) process.stdout.write(`bench/${name}.ts gave no figures\n`)
process.exitCode = failed.length === 0 && goals.every(isMet) ? 0 : 1
