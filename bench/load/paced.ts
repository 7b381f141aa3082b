/**
 * Requests that come when they come, at random moments and so many a second, as those of many callers do. Each is timed from
 * the moment at which it was due: one that waits for a connection, since others are not answered yet, has waited.
 *
 * Servers are asked in turns of a second, so that what else the machine does is the same for all of them, more or less.
 * Argument: what to do, as JSON. Prints what it took, as JSON.
 *
 * @module
 */

import { chanceOf } from '../soak/chance.ts'
import { type Line, openLines, requestFor } from './lines.ts'
import { percentile } from './one-by-one.ts'

export interface Paced {
  readonly ports: readonly number[]
  readonly connections: number
  /** Of each server. */
  readonly turns: number
  /** Requests a second. */
  readonly rate: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** What one server took, turn by turn, in milliseconds. */
export interface Latency {
  readonly p50: readonly number[]
  readonly p99: readonly number[]
}

const turnMs = 1_000
/** Until this program has been compiled, and theirs. */
const warmUps = 2

const { ports, connections, turns, rate, path, headers } = JSON.parse(process.argv[2] ?? '') as Paced
const request = requestFor(path, headers)

/** @returns what each answer took */
type Server = (turn: number) => Promise<number[]>

async function reach(port: number): Promise<Server> {
  const dueAt = new Map<Line, number>()
  let took: number[] = []
  const waiting: number[] = []
  const idle = await openLines(port, connections, (line) => {
    took.push(performance.now() - (dueAt.get(line) ?? 0))
    const due = waiting.shift()
    if (due === undefined) idle.push(line)
    else ask(line, due)
  })

  function ask(line: Line, due: number): void {
    dueAt.set(line, due)
    line.ask(request)
  }

  return (turn) => {
    // The same moments for all of them.
    const chance = chanceOf(turn, 'arrivals')
    const gapMs = (): number => (-Math.log(1 - chance.next()) * 1_000) / rate
    took = []
    const begunAt = performance.now()
    const endsAt = begunAt + turnMs
    let next = begunAt + gapMs()
    return new Promise((resolve) => {
      function askDue(): void {
        const now = Math.min(performance.now(), endsAt)
        for (; next < now; next += gapMs()) {
          const line = idle.shift()
          if (line === undefined) waiting.push(next)
          else ask(line, next)
        }
        if (next < endsAt || idle.length < connections) setImmediate(askDue)
        else resolve(took)
      }
      askDue()
    })
  }
}

const servers: Server[] = []
for (const port of ports) servers.push(await reach(port))
const latencies = servers.map(() => ({ p50: [] as number[], p99: [] as number[] }))
for (let turn = -warmUps; turn < turns; turn += 1) {
  for (const [index, server] of servers.entries()) {
    const took = await server(turn)
    if (turn < 0) continue
    latencies[index]?.p50.push(percentile(took, 0.5))
    latencies[index]?.p99.push(percentile(took, 0.99))
  }
}
process.stdout.write(JSON.stringify(latencies satisfies Latency[]), () => process.exit(0))
