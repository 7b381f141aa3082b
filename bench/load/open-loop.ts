/**
 * Load that does not wait for its answers: so many requests a second are offered whatever becomes of them, over many
 * connections with one request at a time on each, as pooled clients have them. Prints what became of them as JSON.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'

export interface Offer {
  readonly port: number
  /** Of the server. */
  readonly pid: number
  readonly connections: number
  readonly seconds: number
  /** Requests a second; absent: each connection asks again as soon as it is answered. */
  readonly rate?: number
  readonly path: string
  /** Of so many requests one is for a session that nobody has asked for yet. */
  readonly missEvery: number
  readonly headers: Readonly<Record<string, string>>
}

export interface Outcome {
  readonly seconds: number
  /** That the server has had of a processor: less than it asked for where the machine does other things, too. */
  readonly cpuSeconds: number
  /** Requests that were due. */
  readonly due: number
  /** Of those, the ones for which no connection was free: a client would queue them, or give up. */
  readonly unsent: number
  readonly answered: number
  readonly refused: number
  /** Neither the one nor the other. */
  readonly odd: number
  /** Connections that ended with a request unanswered. */
  readonly lost: number
  /** Milliseconds. */
  readonly answeredAfter: readonly [p50: number, p99: number]
  readonly refusedAfter: readonly [p50: number, p99: number]
}

interface Line {
  readonly socket: Socket
  /** When the request under way was due; 0 when there is none. */
  askedAt: number
  /** Bytes in which the head of an answer may have begun. */
  rest: string
}

const offer = JSON.parse(process.argv[2] ?? '') as Offer
const { port, pid, connections, seconds, rate, path, missEvery, headers } = offer
const head = Object.entries({ host: 'localhost', ...headers })
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('')
const hit = `GET ${path} HTTP/1.1\r\n${head}\r\n`
const prefix = path.slice(0, -12)

const idle: Line[] = []
const taken = { answered: [] as number[], refused: [] as number[] }
let [due, unsent, odd, lost, sent] = [0, 0, 0, 0, 0]
let isOver = false

function request(): string {
  sent += 1
  if (sent % missEvery !== 0) return hit
  const other = (Date.now() * 100 + (sent % 100)).toString(16).padStart(12, '0').slice(-12)
  return `GET ${prefix}${other} HTTP/1.1\r\n${head}\r\n`
}

function ask(line: Line, at: number): void {
  line.askedAt = at
  line.socket.write(request(), 'latin1')
}

function open(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const line: Line = { socket, askedAt: 0, rest: '' }
    socket.once('connect', () => {
      resolve()
      if (rate === undefined && due > 0) ask(line, performance.now())
      else idle.push(line)
    })
    socket.on('data', (chunk: Buffer) => {
      const text = line.rest + chunk.toString('latin1')
      const at = text.indexOf('HTTP/1.1 ')
      line.rest = at === -1 || text.length < at + 12 ? text.slice(-11) : ''
      // A body that comes in a piece of its own.
      if (line.rest !== '' || at === -1) return
      const status = text.slice(at + 9, at + 12)
      const now = performance.now()
      if (status === '200' || status === '404') taken.answered.push(now - line.askedAt)
      else if (status === '503') taken.refused.push(now - line.askedAt)
      else odd += 1
      line.askedAt = 0
      if (isOver || text.includes('connection: close') || text.includes('Connection: close')) return
      if (rate === undefined) {
        due += 1
        ask(line, now)
      } else {
        idle.push(line)
      }
    })
    socket.on('error', () => undefined)
    socket.once('close', () => {
      resolve()
      const at = idle.indexOf(line)
      if (at !== -1) idle.splice(at, 1)
      if (isOver) return
      if (line.askedAt !== 0) lost += 1
      void open()
    })
  })
}

for (let n = 0; n < connections; n += 500) {
  await Promise.all(Array.from({ length: Math.min(500, connections - n) }, open))
}
/** In clock ticks, of which there are a hundred a second: utime and stime, proc_pid_stat(5). */
function ticks(): number {
  const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')
  const [utime, stime] = fields.split(' ').slice(11, 13).map(Number)
  return (utime ?? 0) + (stime ?? 0)
}
const ticksBefore = ticks()
const begunAt = performance.now()
const endsAt = begunAt + seconds * 1000
if (rate === undefined) {
  due = idle.length
  for (const line of idle.splice(0)) ask(line, begunAt)
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
} else {
  await offerAt(rate)
}
const tookSeconds = (performance.now() - begunAt) / 1000
isOver = true

/** Each at its own moment, however late this one comes. */
function offerAt(perSecond: number): Promise<void> {
  return new Promise((resolve) => {
    function offerDue(): void {
      const now = Math.min(performance.now(), endsAt)
      while (due < ((now - begunAt) / 1000) * perSecond) {
        const at = begunAt + (due / perSecond) * 1000
        due += 1
        const line = idle.shift()
        if (line === undefined) unsent += 1
        else ask(line, at)
      }
      if (now < endsAt) setImmediate(offerDue)
      else resolve()
    }
    offerDue()
  })
}

function percentiles(values: number[]): [number, number] {
  const sorted = Float64Array.from(values).toSorted()
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0
  return [at(0.5), at(0.99)]
}

const outcome: Outcome = {
  seconds: tookSeconds,
  cpuSeconds: (ticks() - ticksBefore) / 100,
  due,
  unsent,
  answered: taken.answered.length,
  refused: taken.refused.length,
  odd,
  lost,
  answeredAfter: percentiles(taken.answered),
  refusedAfter: percentiles(taken.refused),
}
process.stdout.write(JSON.stringify(outcome), () => process.exit(0))
