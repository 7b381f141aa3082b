/**
 * Several gateways, each a process of its own with a configuration in common, ready to be asked.
 *
 * @module
 */

import { setTimeout as pause } from 'node:timers/promises'
import { request } from 'undici'
import { portsOf } from '../world.ts'
import { type Contestant, startPinned } from '../wrk.ts'

export interface Replica extends Contestant {
  /** Everything that it has counted under this name, whatever the labels say, or only where they have this text. */
  count(metric: string, labels?: string): Promise<number>
}

/** @param isShared ready is only who has found the shared tier */
export async function startReplica(config: string, isShared: boolean, cores: string): Promise<Replica> {
  let management = ''
  const listens = (line: string): number | undefined => {
    const { port, managementPort } = portsOf(line)
    if (managementPort !== undefined) management = `http://127.0.0.1:${managementPort}`
    return port
  }
  const started = await startPinned(['dist/main.js', 'serve', '-c', config], listens, cores)
  async function count(metric: string, labels = ''): Promise<number> {
    const { body } = await request(`${management}/metrics`)
    return (await body.text())
      .split('\n')
      .filter((line) => line.startsWith(`session_gateway_${metric}`) && line.includes(labels))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  }
  for (;;) {
    const { statusCode, body } = await request(`${management}/readyz`)
    await body.dump()
    if (statusCode === 200 && (!isShared || (await count('shared_up')) === 1)) break
    await pause(50)
  }
  return { ...started, count, [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() }
}

export interface Day {
  readonly replicas: readonly Replica[]
  readonly headers: Readonly<Record<string, string>>
  /** Of each request, in order: what is asked for. */
  readonly paths: Iterable<string>
  readonly perSecond: number
  /** 0 ≤ n < 1. */
  readonly random: () => number
}

/**
 * Each at its own moment, of whichever replica, as behind a load balancer.
 *
 * @returns how many answers were not 200
 */
export async function play({ replicas, headers, paths, perSecond, random }: Day): Promise<number> {
  const begunAt = performance.now()
  let dueAt = 0
  const statuses: Promise<number>[] = []
  for (const path of paths) {
    dueAt += (-Math.log(1 - random()) * 1000) / perSecond
    const waitMs = begunAt + dueAt - performance.now()
    if (waitMs > 1) await pause(waitMs)
    const replica = replicas[Math.floor(random() * replicas.length)]
    if (replica === undefined) throw new TypeError('no replica')
    statuses.push(read(`${replica.url}${path}`, headers))
  }
  return (await Promise.all(statuses)).filter((status) => status !== 200).length
}

async function read(url: string, headers: Day['headers']): Promise<number> {
  const { statusCode, body } = await request(url, { headers })
  await body.dump()
  return statusCode
}
