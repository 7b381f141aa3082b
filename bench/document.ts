/**
 * Writes what `docs/explanation/performance.md` shows of `bench/results`: between the marks of the page, and the charts.
 *
 *     node bench/document.ts
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { draw } from './chart.ts'
import { boundOf, type Figures, isMet, median, readable, spreadOf, type Table, withUnit } from './report.ts'
import { folder, measured, read, type Result } from './results.ts'

export const page = new URL('../docs/explanation/performance.md', import.meta.url)

/** File → what it should hold, by what was measured. */
export async function documented(): Promise<Map<URL, string>> {
  const results = measured.flatMap((name) => read(name) ?? [])
  const charts = results.flatMap(({ figures }) => Object.entries(figures.charts ?? {}))
  const filepath = fileURLToPath(page)
  let text = readFileSync(page, 'utf8')
  text = between(text, 'circumstances', circumstances(results))
  text = between(text, 'goals', goals(results))
  for (const { figures } of results) text = between(text, figures.name, shown(figures))
  return new Map([
    [page, await format(text, { ...(await resolveConfig(filepath)), filepath })],
    ...charts.map(([name, chart]) => [new URL(`${name}.svg`, folder), draw(chart)] as const),
  ])
}

export async function document(): Promise<void> {
  for (const [file, text] of await documented()) await writeFile(file, text)
}

/** @returns those that are not what was measured */
export async function stale(): Promise<string[]> {
  return [...(await documented())]
    .filter(([file, text]) => !existsSync(file) || readFileSync(file, 'utf8') !== text)
    .map(([file]) => fileURLToPath(file))
}

function between(text: string, name: string, written: string): string {
  const marked = new RegExp(`(<!-- ${name} -->\n).*?(<!-- /${name} -->)`, 's')
  if (!marked.test(text)) throw new Error(`the page has no place for its ${name}`)
  return text.replace(marked, (_all, open: string, close: string) => `${open}\n${written}\n\n${close}`)
}

function circumstances(results: readonly Result[]): string {
  const rows = results.map(({ command, date, machine, versions, figures }) => [
    figures.name,
    `\`${command}\``,
    date.slice(0, 10),
    machine,
    Object.entries(versions)
      .map(([program, version]) => `${program} ${version}`)
      .join(', '),
  ])
  return tableOf(['benchmark', 'command', 'date', 'machine', 'versions'], rows)
}

function goals(results: readonly Result[]): string {
  const rows = results.flatMap(({ figures }) =>
    figures.goals.map((goal) => [
      goal.what,
      boundOf(goal),
      withUnit(goal, goal.measured),
      spreadOf(goal) ?? '–',
      isMet(goal) ? 'met' : '**missed**',
    ]),
  )
  return tableOf(['what', 'goal', 'measured', 'spread', ''], rows)
}

function shown({ charts = {}, tables }: Figures): string {
  const images = Object.entries(charts).map(
    ([name, { title }]) => `![${title}](../../bench/results/${name}.svg)`,
  )
  return [...images, ...tables.map(contestants)].join('\n\n')
}

function contestants({ title, unit, rows }: Table): string {
  const spreads = Object.entries(rows).map(([name, runs]) => [
    name,
    ...[median(runs), Math.min(...runs), Math.max(...runs)].map(readable),
  ])
  return `${title}, ${unit}:\n\n${tableOf(['', 'median', 'least', 'most'], spreads)}`
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.map(escape).join(' | ')} |`
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')
}

function escape(cell: string): string {
  return cell.replaceAll('|', '\\|')
}

if (import.meta.main) await document()
