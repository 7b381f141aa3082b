/**
 * What was measured, when and on what: one file a benchmark in `bench/results`, which the page on performance is made of.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import type { Figures } from './report.ts'

/** The benchmarks of the goals, in the order of their table. */
export const measured = ['hit', 'profile', 'miss', 'growth', 'start'] as const
export const folder = new URL('results/', import.meta.url)

export interface Result {
  readonly command: string
  /** ISO 8601. */
  readonly date: string
  readonly machine: string
  /** Program → version, of those that are installed. */
  readonly versions: Readonly<Record<string, string>>
  readonly figures: Figures
}

export function resultOf(figures: Figures, isFull: boolean): Result {
  return {
    command: isFull ? 'make bench FULL=1' : 'make bench',
    date: new Date().toISOString(),
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release().replace(/-.*/, '')}`,
    versions: versions(),
    figures,
  }
}

/** @returns undefined where it was never measured */
export function read(name: string): Result | undefined {
  const file = new URL(`${name}.json`, folder)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Result) : undefined
}

export async function write(result: Result): Promise<void> {
  await mkdir(folder, { recursive: true })
  // More digits say nothing.
  const rounded = JSON.stringify(result, (_key, value: unknown) =>
    typeof value === 'number' ? Number(value.toPrecision(5)) : value,
  )
  const filepath = fileURLToPath(new URL(`${result.figures.name}.json`, folder))
  await writeFile(filepath, await format(rounded, { ...(await resolveConfig(filepath)), filepath }))
}

function versions(): Record<string, string> {
  const others: readonly (readonly [name: string, program: string, flag: string])[] = [
    ['nginx', 'nginx', '-v'],
    ['Varnish', 'varnishd', '-V'],
    ['wrk', 'wrk', '-v'],
  ]
  const found = others.flatMap(([name, program, flag]) => {
    const { stdout, stderr } = spawnSync(program, [flag], { encoding: 'utf8' })
    const version = /\d+\.\d+(\.\d+)?/.exec(`${stdout}${stderr}`)?.[0]
    return version === undefined ? [] : [[name, version] as const]
  })
  return { Node: process.versions.node, ...Object.fromEntries(found) }
}
