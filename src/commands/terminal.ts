/**
 * What the commands say to whoever runs them. The only place that writes to the terminal besides the log and the trail.
 *
 * @module
 */

import type { Finding } from '../config/index.ts'
import { withoutTokens } from '../errors.ts'
import { withoutControls } from '../telemetry/index.ts'

export function say(line = ''): void {
  if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', unlessNobodyReads)
  process.stdout.write(`${line}\n`)
}

/** Whoever read, such as `head`, has read enough; the exit code still says how it ended. */
function unlessNobodyReads(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}

export function complain(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** What somebody else may have written, on one line, with nothing that a terminal obeys, and without tokens. */
export function quoted(text: string): string {
  return withoutControls(withoutTokens(text).replace(/[\r\n\t]+/g, ' '))
}

/** As in `gateway.yaml:12:5  access.triage.rate: …`. */
export function describeFinding({ path, message, where }: Finding): string {
  return `${where === undefined ? '' : `${where}  `}${path === '' ? '' : `${path}: `}${message}`
}

/** Resolves at the first SIGTERM or SIGINT; the second ends the process at once. */
export function askedToStop(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let hasAsked = false
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (hasAsked) process.exit(1)
        hasAsked = true
        resolve(signal)
      })
    }
  })
}
