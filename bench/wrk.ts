/**
 * Load from `wrk`, pinned to one core, against servers pinned to another.
 *
 * @module
 */

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { ensure } from '../test/world/debian.ts'

const run = promisify(execFile)

/** Installs it where it is missing; fails loudly where it cannot. */
export function ensureWrk(): void {
  // It prints its version, and exits 1.
  ensure('wrk', () => spawnSync('wrk', ['-v']).error === undefined)
}

export interface Load {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly seconds: number
  readonly connections: number
}

/** @returns requests per second; throws when any answer was not 2xx, or any socket failed */
export async function requestsPerSecond({ url, headers, seconds, connections }: Load): Promise<number> {
  const asked = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const shape = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`]
  const { stdout } = await run('taskset', ['-c', '1', 'wrk', ...shape, ...asked, url])
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`wrong answers:\n${stdout}`)
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]
  if (rate === undefined) throw new Error(`wrk said no rate:\n${stdout}`)
  return Number(rate)
}

export interface Contestant extends AsyncDisposable {
  readonly url: string
  readonly pid: number
}

/**
 * Starts a server pinned to core 0, unless told to others, and reads what it writes, as a log collector would.
 *
 * @param port reads the port from a line of stdout or stderr; `undefined` until it is there
 * @param through a command that becomes the one that is given to it
 */
export async function startPinned(
  args: readonly string[],
  port: (line: string) => number | undefined,
  cores = '0',
  through: readonly string[] = [],
): Promise<Contestant> {
  const child: ChildProcess = spawn('taskset', ['-c', cores, ...through, process.execPath, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const found = await new Promise<number>((resolve, reject) => {
    const said: string[] = []
    const streams = [child.stdout, child.stderr].filter((stream) => stream !== null)
    const readers = streams.map((stream) => createInterface({ input: stream }))
    const ended = (): void => reject(new Error(`it did not start:\n${said.join('\n')}`))
    for (const lines of readers) {
      lines.on('line', (line) => {
        said.push(line)
        const listening = port(line)
        if (listening === undefined) return
        // From here on what it writes is read and dropped, without the cost of splitting lines.
        for (const reader of readers) reader.close()
        for (const stream of streams) stream.resume()
        said.length = 0
        child.off('exit', ended)
        resolve(listening)
      })
    }
    child.once('exit', ended)
  })
  child.stdout?.resume()
  child.stderr?.resume()
  return {
    url: `http://127.0.0.1:${found}`,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}
