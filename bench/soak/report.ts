/**
 * The end of a soak: tables, slopes, and a verdict on each invariant.
 *
 * @module
 */

import { type Findings, invariants } from './findings.ts'
import type { Life, Sample } from './lives.ts'

/** Shorter lives are printed, and not judged: a process that has just started grows. */
const judgedFromSeconds = 150
const mostRssBytesPerMinute = 16 * 1024 * 1024
const mostSocketsPerMinute = 60

export function printCounts(findings: Findings, title: string, prefix: string): void {
  const rows = [...findings.counts].filter(([what]) => what.startsWith(prefix))
  if (rows.length === 0) return
  print(`\n${title}`)
  for (const [what, times] of rows.toSorted(([, a], [, b]) => b - a)) {
    print(`  ${String(times).padStart(9)}  ${what.slice(prefix.length)}`)
  }
}

/** Least squares over the second half of each life. */
export function printSlopes(lives: readonly Life[], findings: Findings): void {
  print('\nlife  seconds  ended by   RSS MiB  MiB/min  heap after GC MiB  MiB/min  sockets  per min')
  for (const life of lives) {
    const { number, samples, killedAt, drainingAt } = life
    const half = samples.slice(samples.length >> 1)
    const last = half.at(-1)
    if (last === undefined) continue
    const slope = (of: (sample: Sample) => number, from = half): number => 60 * slopeOf(from, of)
    const rss = slope(({ rssBytes }) => rssBytes)
    const lows = lowest(half)
    const heap = slope(({ heapBytes }) => heapBytes, lows)
    const sockets = slope((sample) => sample.sockets)
    const ended = killedAt === undefined ? (drainingAt === undefined ? '–' : 'SIGTERM') : 'SIGKILL'
    print(
      [
        String(number).padStart(4),
        last.seconds.toFixed(0).padStart(7),
        ended.padEnd(9),
        mib(last.rssBytes).padStart(8),
        mib(rss).padStart(7),
        mib(lows.at(-1)?.heapBytes ?? Number.NaN).padStart(17),
        mib(heap).padStart(7),
        String(last.sockets).padStart(7),
        sockets.toFixed(1).padStart(7),
      ].join('  '),
    )
    if (last.seconds < judgedFromSeconds) continue
    findings.check(
      'memory and sockets level off',
      rss <= mostRssBytesPerMinute && sockets <= mostSocketsPerMinute,
      () => `life ${number}: ${mib(rss)} MiB/min, ${sockets.toFixed(1)} sockets/min`,
    )
  }
  print(
    `judged from ${judgedFromSeconds} s on: at most ${mib(mostRssBytesPerMinute)} MiB/min, ${mostSocketsPerMinute} sockets/min`,
  )
}

/** The lowest heap of each ten samples: what is left after garbage collection, about. */
function lowest(samples: readonly Sample[]): Sample[] {
  const lows: Sample[] = []
  for (let at = 0; at < samples.length; at += 10) {
    lows.push(samples.slice(at, at + 10).reduce((low, one) => (one.heapBytes < low.heapBytes ? one : low)))
  }
  return lows
}

function slopeOf(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, one) => sum + one, 0) / values.length
  const middle = mean(samples.map(({ seconds }) => seconds))
  const level = mean(samples.map(of))
  const spread = samples.reduce((sum, { seconds }) => sum + (seconds - middle) ** 2, 0)
  return samples.reduce((sum, one) => sum + (one.seconds - middle) * (of(one) - level), 0) / spread
}

function mib(bytes: number): string {
  return Number.isNaN(bytes) ? '–' : (bytes / 1024 / 1024).toFixed(1)
}

/** @returns the exit code: 1 when an invariant is broken, or was never put to the test */
export function printVerdicts(findings: Findings, maybeUntested: readonly string[]): number {
  print('')
  let code = 0
  for (const invariant of invariants) {
    const checks = findings.checks.get(invariant) ?? 0
    const broken = findings.brokenTimes(invariant)
    const isUntested = checks === 0 && !maybeUntested.includes(invariant)
    if (broken > 0 || isUntested) code = 1
    const verdict = broken > 0 ? 'BROKEN' : checks === 0 ? 'UNSEEN' : 'HELD  '
    print(`${verdict}  ${invariant}: ${broken} of ${checks}`)
    for (const example of findings.examples(invariant)) print(`        ${example}`)
  }
  return code
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
