/**
 * The gateway: the built program, one process after another on the same ports and the same audit file.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Agent, request } from 'undici'
import type { Findings } from './findings.ts'
import { pause } from './plan.ts'

export interface Sample {
  readonly seconds: number
  readonly rssBytes: number
  readonly heapBytes: number
  readonly sockets: number
}

export interface Life {
  readonly number: number
  readonly child: ChildProcess
  readonly startedAt: number
  /** One a life: its connections end with it. */
  readonly agent: Agent
  readonly samples: Sample[]
  /** When it was told to drain. */
  drainingAt?: number
  killedAt?: number
}

export interface LivesOptions {
  readonly folder: string
  readonly ca: string
  readonly findings: Findings
  readonly managementPort: number
  readonly leaks: (text: string) => string | undefined
}

const drainMs = 10_000
/** So that garbage is collected within the run, and what leaks ends a life that nobody has told to end. */
const heapBound = '--max-old-space-size=96'
const mostStartMs = 30_000

export class Lives {
  readonly all: Life[] = []
  readonly #options: LivesOptions
  #current: Promise<Life> | undefined

  constructor(options: LivesOptions) {
    this.#options = options
  }

  /** The one that listens, or the next that will. */
  listening(): Promise<Life> {
    return this.#current ?? Promise.reject(new Error('no life has begun'))
  }

  get newest(): Life {
    return this.all.at(-1) as Life
  }

  start(): Promise<Life> {
    this.#current = this.#begin()
    return this.#current
  }

  async #begin(): Promise<Life> {
    const { folder, ca, findings } = this.#options
    const child = spawn(
      process.execPath,
      [heapBound, 'dist/main.js', 'serve', '-c', join(folder, 'gateway.yaml')],
      {
        env: { PATH: process.env['PATH'] },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    const life: Life = {
      number: this.all.length + 1,
      child,
      startedAt: performance.now(),
      agent: new Agent({ connect: { ca, timeout: 30_000 }, headersTimeout: 40_000, bodyTimeout: 40_000 }),
      samples: [],
    }
    this.all.push(life)
    const listening = new Promise<boolean>((resolve) => {
      this.#readLog(life, () => resolve(true))
      child.once('exit', () => resolve(false))
    })
    const isListening = await Promise.race([listening, pause(mostStartMs)])
    findings.check(
      'no uncaught error, no crash',
      isListening === true,
      () => `life ${life.number} did not start`,
    )
    if (isListening !== true) throw new Error(`the gateway did not start: see ${this.logOf(life)}`)
    child.once('exit', (code, signal) => {
      const isAsked = life.drainingAt !== undefined || life.killedAt !== undefined
      findings.check(
        'no uncaught error, no crash',
        isAsked,
        () => `life ${life.number} ended: ${code ?? signal}`,
      )
      if (!isAsked) life.killedAt = performance.now()
    })
    return life
  }

  logOf({ number }: Life): string {
    return join(this.#options.folder, `life-${number}.log`)
  }

  #readLog(life: Life, listens: () => void): void {
    const { findings, leaks } = this.#options
    const file = createWriteStream(this.logOf(life))
    createInterface({ input: life.child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      file.write(`${line}\n`)
      const leak = leaks(line)
      findings.check(
        'no secret in logs and records',
        leak === undefined,
        () => `the log holds ${leak}: ${line}`,
      )
      const { level, msg, code } = parsed(line)
      if (msg === 'listening') listens()
      const isFault =
        level === undefined || level === 'fatal' || code === 'internalError' || /fault of the/.test(msg)
      findings.check('no uncaught error, no crash', !isFault, () => `life ${life.number} says: ${line}`)
      if (level === 'error' || level === 'warn') findings.count(`log ${level} ${msg.slice(0, 70)}`)
    })
  }

  /** SIGTERM: whatever has been sent is answered, the exit code is 0. */
  async drain(): Promise<void> {
    const life = this.newest
    const ended = once(life.child, 'exit')
    life.drainingAt = performance.now()
    life.child.kill('SIGTERM')
    // It goes on accepting for a while: callers are sent on when it listens no more.
    const [code] = await Promise.race([ended, pause(drainMs + 5_000).then(() => ['still running'])])
    const { findings } = this.#options
    findings.check(
      'drains fail nothing, and end well',
      code === 0,
      () => `life ${life.number} ended with ${code}`,
    )
    if (code === 'still running') life.child.kill('SIGKILL')
    await ended
  }

  async kill(): Promise<void> {
    const life = this.newest
    const ended = once(life.child, 'exit')
    life.killedAt = performance.now()
    life.child.kill('SIGKILL')
    await ended
  }

  /** The next one, and until then whoever asks waits for it. */
  async follow(end: () => Promise<void>, afterMs: number): Promise<void> {
    const before = this.newest
    await end()
    const next = pause(afterMs).then(() => this.#begin())
    this.#current = next
    await next
    await before.agent.destroy()
  }

  async sample(): Promise<void> {
    const { newest: life } = this
    const { pid } = life.child
    try {
      const [status, metrics, sockets] = await Promise.all([
        readFile(`/proc/${pid}/status`, 'utf8'),
        this.metrics(),
        socketsOf(pid),
      ])
      life.samples.push({
        seconds: (performance.now() - life.startedAt) / 1000,
        rssBytes: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024,
        heapBytes: Number(/^nodejs_heap_size_used_bytes (\S+)/m.exec(metrics)?.[1]),
        sockets,
      })
    } catch {
      // It has just ended.
    }
  }

  async metrics(): Promise<string> {
    const { body } = await request(`http://127.0.0.1:${this.#options.managementPort}/metrics`)
    return body.text()
  }
}

async function socketsOf(pid: number | undefined): Promise<number> {
  const names = await readdir(`/proc/${pid}/fd`)
  const links = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')))
  return links.filter((link) => link.startsWith('socket:')).length
}

function parsed(line: string): { level?: string; msg: string; code?: string } {
  try {
    return JSON.parse(line)
  } catch {
    return { msg: '' }
  }
}
