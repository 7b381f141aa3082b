/** The real program, as a process of its own. */

import { type ChildProcess, execFileSync, spawn, type StdioOptions } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const projectFolder = fileURLToPath(new URL('../../', import.meta.url))

/** The program as it is shipped; `make test` has built it, and who runs one file alone may not have. */
export function builtProgram(): string {
  if (!existsSync(`${projectFolder}dist/main.js`)) {
    execFileSync('make', ['build', `NODE=${process.execPath}`], { cwd: projectFolder })
  }
  return 'dist/main.js'
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Program extends AsyncDisposable {
  readonly child: ChildProcess
  readonly stdout: string
  readonly stderr: string
  /** The first match in what that stream has brought, as soon as it is there; rejects when the process ends before. */
  prints(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray>
  /** Resolves when the process has gone and its streams are read to their ends. */
  readonly ended: Promise<Ended>
}

export interface ProgramOptions {
  /** `src/main.ts` unless told. */
  readonly entry?: string
  /** All there is in its environment, besides what is inherited. */
  readonly env?: Readonly<Record<string, string>>
  /** A command that runs the program, which is appended to it. */
  readonly through?: readonly string[]
  /** A descriptor in place of the pipe that this test reads. */
  readonly stdout?: number
  /** What it may read, to its end; nothing unless told. */
  readonly stdin?: string
}

/** Where programs are, and what is compiled of ours. */
const inherited = Object.fromEntries(
  ['PATH', 'NODE_COMPILE_CACHE'].flatMap((name) =>
    process.env[name] === undefined ? [] : [[name, process.env[name]]],
  ),
)

export function startProgram(args: readonly string[], options: ProgramOptions = {}): Program {
  const { entry = 'src/main.ts', env = {}, stdout = 'pipe', stdin, through = [] } = options
  const stdio: StdioOptions = [stdin === undefined ? 'ignore' : 'pipe', stdout, 'pipe']
  const [command = process.execPath, ...rest] = [...through, process.execPath, entry, ...args]
  const child = spawn(command, rest, {
    cwd: projectFolder,
    env: { ...inherited, ...env },
    stdio,
  })
  // It may end before it has read.
  child.stdin?.on('error', () => undefined).end(stdin)
  return watched(child)
}

/** @param child with pipes for what is to be read */
export function watched(child: ChildProcess): Program {
  const text = { stdout: '', stderr: '' }
  let look: (() => void)[] = []
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[stream] += chunk
      for (const action of look) action()
    })
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, ...text }))
  })
  return {
    child,
    get stdout() {
      return text.stdout
    },
    get stderr() {
      return text.stderr
    },
    prints(stream, pattern) {
      return new Promise((resolve, reject) => {
        const action = (): void => {
          const match = pattern.exec(text[stream])
          if (match === null) return
          look = look.filter((other) => other !== action)
          resolve(match)
        }
        look.push(action)
        action()
        ended.then(
          ({ code }) => reject(new Error(`exit ${code} without ${pattern}:\n${text.stdout}${text.stderr}`)),
          reject,
        )
      })
    },
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Runs it to its end. */
export async function run(args: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
  await using program = startProgram(args, options)
  return await program.ended
}
