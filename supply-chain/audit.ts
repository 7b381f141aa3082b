/**
 * Is a dependency known to be weak? Exit 1 on a finding of high or above, and on every failure but one: a registry
 * that has no such service (mirrors often have none) is said aloud, and breaks no build.
 *
 * @module
 */

import { askNpm } from './npm.ts'

interface Report {
  readonly vulnerabilities?: Readonly<
    Record<string, { readonly severity: string; readonly via: readonly unknown[] }>
  >
  readonly statusCode?: number
  readonly message?: string
  readonly error?: { readonly code?: string; readonly summary?: string }
}

const serious: readonly string[] = ['high', 'critical']
/** What registries answer that do not know the question. */
const unknownThere: readonly (number | undefined)[] = [404, 405, 501]

// One attempt of bounded length: `make test` is not to hang on a slow network.
const told = askNpm(['audit', '--json', '--package-lock-only', '--fetch-retries=0', '--fetch-timeout=15000'])
process.exitCode = judge(told.json ?? {})

function judge({ vulnerabilities, statusCode, message, error }: Report): number {
  if (vulnerabilities !== undefined) return judgeFindings(vulnerabilities)
  if (unknownThere.includes(statusCode) || error?.code === 'ENOAUDIT') {
    const why = message ?? error?.summary ?? ''
    print(`audit: NOTHING WAS CHECKED, this npm registry answers no audits (${why}).`)
    print(
      'audit: whoever releases has to run `make audit` against a registry that does, such as registry.npmjs.org.',
    )
    return 0
  }
  print(`audit: npm could not tell: ${message ?? error?.summary ?? told.stderr.trim()}`)
  return 1
}

function judgeFindings(vulnerabilities: NonNullable<Report['vulnerabilities']>): number {
  const findings = Object.entries(vulnerabilities).filter(([, { severity }]) => serious.includes(severity))
  for (const [name, { severity, via }] of findings) print(`audit: ${name}: ${severity}: ${reasons(via)}`)
  if (findings.length === 0) print('audit: no dependency has a known weakness of high or above')
  return findings.length === 0 ? 0 : 1
}

/** An advisory, or the name of the dependency that has one. */
function reasons(via: readonly unknown[]): string {
  return via
    .map((one) => {
      if (typeof one === 'string') return `by way of ${one}`
      const { title, url } = one as { title?: string; url?: string }
      return `${title} (${url})`
    })
    .join('; ')
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
