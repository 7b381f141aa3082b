/**
 * One command for whoever sets a gateway up: is everything here that it needs, and does it work?
 *
 * @module
 */

import { systemClock } from '../../clock.ts'
import { type Finding, loadConfig } from '../../config/index.ts'
import { quoted, say } from '../terminal.ts'
import { examine } from './examination.ts'
import type { Line, Verdict } from './line.ts'

export interface DoctorOptions {
  readonly config?: readonly string[]
  /** One JSON object a line. */
  readonly json?: boolean
}

/** @returns the exit code: 1 when something failed */
export async function doctor({ config: files = [], json = false }: DoctorOptions): Promise<number> {
  const counts: Record<Verdict, number> = { ok: 0, warning: 0, failed: 0, skipped: 0 }
  function tell(line: Line): void {
    counts[line.verdict] += 1
    say(json ? asJson(line) : asText(line))
  }

  const loaded = await loadConfig({ files, env: process.env })
  for (const problem of loaded.ok ? [] : loaded.problems) tell(asLine('failed', problem))
  for (const problem of loaded.warnings) tell(asLine('warning', problem))
  if (!loaded.ok) {
    tell({ check: 'everything else', verdict: 'skipped', found: 'it needs a configuration without problems' })
    return 1
  }
  tell({ check: 'configuration', verdict: 'ok', found: 'it is valid' })

  const examination = examine(loaded.config, { env: process.env, clock: systemClock })
  for await (const line of examination.lines) tell(line)
  if (!json) say(summary(counts))
  const exitCode = counts.failed > 0 ? 1 : 0
  if (examination.hasOverrun) leaveAtOnce(exitCode)
  await examination[Symbol.asyncDispose]()
  return exitCode
}

function asLine(verdict: Verdict, { path, message, where }: Finding): Line {
  const place = [where, path].filter((part) => part !== undefined && part !== '').join('  ')
  return { check: 'configuration', verdict, found: place === '' ? message : `${place}: ${message}` }
}

const widest = 'warning'.length

function asText({ check, verdict, found, remedy }: Line): string {
  const whatToDo = remedy === undefined ? '' : `. What to do: ${remedy}`
  return `${verdict.padEnd(widest)}  ${quoted(`${check}: ${found}${whatToDo}`)}`
}

function asJson({ check, verdict, found, remedy }: Line): string {
  const line = { check: quoted(check), verdict, found: quoted(found) }
  return JSON.stringify(remedy === undefined ? line : { ...line, remedy: quoted(remedy) })
}

function summary(counts: Readonly<Record<Verdict, number>>): string {
  if (counts.failed + counts.warning + counts.skipped === 0) return 'Nothing is wrong.'
  return `${counts.failed} failed, ${counts.warning} to look at, ${counts.skipped} skipped, ${counts.ok} in order`
}

/**
 * A look-up or a file that hangs occupies a thread, and a process does not end before its threads do. One that is replaced
 * by another program does.
 */
function leaveAtOnce(exitCode: number): void {
  process.execve?.(process.execPath, [process.execPath, '--eval', `process.exit(${exitCode})`], {})
}
