/**
 * Is a dependency known to be weak? Exit 1 on a finding of high or above, and where nothing could be checked.
 *
 * With `--where-answered` the latter is said aloud and breaks no build: many mirrors of the registry have no such
 * service, and whether the code is right does not depend on another's being reachable.
 *
 * @module
 */

import { askNpm } from './npm.ts'

interface Report {
  readonly vulnerabilities?: Readonly<
    Record<string, { readonly severity: string; readonly via: readonly unknown[] }>
  >
  readonly message?: string
  readonly error?: { readonly code?: string; readonly summary?: string }
}

const serious: readonly string[] = ['high', 'critical']
const breaksNoBuild = process.argv.includes('--where-answered')

process.exitCode = judge()

function judge(): number {
  const { vulnerabilities, why } = ask()
  if (vulnerabilities !== undefined) return judgeFindings(vulnerabilities)
  print(`audit: NOTHING WAS CHECKED, the npm registry has not answered (${why}).`)
  print('audit: whoever releases has to run `make audit` where it does.')
  return breaksNoBuild ? 0 : 1
}

function ask(): Pick<Report, 'vulnerabilities'> & { readonly why?: string } {
  try {
    // One attempt of bounded length: `make test` is not to hang on a slow network.
    const args = ['audit', '--json', '--package-lock-only', '--fetch-retries=0', '--fetch-timeout=15000']
    const { json, stderr } = askNpm(args)
    const { vulnerabilities, message, error }: Report = json ?? {}
    return vulnerabilities === undefined
      ? { why: message ?? error?.summary ?? stderr.trim() }
      : { vulnerabilities }
  } catch (error) {
    return { why: String(error) }
  }
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
