/**
 * npm, asked for JSON.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const projectFolder = fileURLToPath(new URL('../', import.meta.url))

export interface Told {
  /** What it printed on stdout, read as JSON; undefined where that is none. */
  readonly json: unknown
  /** Why there is none, or what came with it. */
  readonly stderr: string
}

/** However slow the network is. */
const longestMs = 60_000

/** @throws Error when npm is not there, or has not ended in time */
export function askNpm(args: readonly string[]): Told {
  const { error, stdout, stderr } = spawnSync('npm', args, {
    cwd: projectFolder,
    encoding: 'utf8',
    timeout: longestMs,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (error !== undefined) throw error
  return { json: parsed(stdout), stderr }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
