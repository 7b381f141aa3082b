/**
 * What Redis says that something has cost it.
 *
 * @module
 */

import type { Redis } from '../../test/world/redis.ts'
import { median } from '../report.ts'

export interface RedisCost {
  /** As replicas send them. */
  readonly commands: number
  /** What their scripts do. */
  readonly inScripts: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Of a processor. */
  readonly microseconds: number
  readonly seconds: number
}

/** What is asked of its own accord, by whatever else Redis counts: this program. */
const ours = new Set([
  'info',
  'config|resetstat',
  'config',
  'hello',
  'memory|usage',
  'memory',
  'scan',
  'dbsize',
])
const sent = new Set(['evalsha', 'eval', 'ping', 'subscribe', 'unsubscribe'])

export async function costOf(redis: Redis, work: () => Promise<unknown>): Promise<RedisCost> {
  const cpuBefore = cpuSeconds(await info(redis))
  await redis.command('CONFIG', 'RESETSTAT')
  const begunAt = performance.now()
  await work()
  const seconds = (performance.now() - begunAt) / 1000
  const said = await info(redis)
  let [commands, inScripts] = [0, 0]
  for (const [, name = '', calls] of said.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) {
    if (sent.has(name)) commands += Number(calls)
    else if (!ours.has(name)) inScripts += Number(calls)
  }
  return {
    commands,
    inScripts,
    bytesIn: numberOf(said, 'total_net_input_bytes'),
    bytesOut: numberOf(said, 'total_net_output_bytes'),
    microseconds: (cpuSeconds(said) - cpuBefore) * 1e6,
    seconds,
  }
}

/** Of one of `times`, without what is done meanwhile anyway. */
export function less(cost: RedisCost, times: number, anyway: RedisCost): RedisCost {
  const share = cost.seconds / anyway.seconds
  return mapped((name) => (cost[name] - anyway[name] * share) / times)
}

export function middleOf(costs: readonly RedisCost[]): RedisCost {
  return mapped((name) => median(costs.map((cost) => cost[name])))
}

function mapped(value: (name: keyof RedisCost) => number): RedisCost {
  return {
    commands: value('commands'),
    inScripts: value('inScripts'),
    bytesIn: value('bytesIn'),
    bytesOut: value('bytesOut'),
    microseconds: value('microseconds'),
    seconds: value('seconds'),
  }
}

/** Bytes of each entry and what Redis needs around it, without what it shares among all. */
export async function bytesOfEntries(redis: Redis): Promise<number[]> {
  const found: number[] = []
  let cursor = '0'
  do {
    const [next, names] = (await redis.command('SCAN', cursor, 'MATCH', '*}', 'COUNT', '1000')) as [
      string,
      string[],
    ]
    cursor = next
    for (const name of names.slice(0, 20))
      found.push((await redis.command('MEMORY', 'USAGE', name)) as number)
  } while (cursor !== '0')
  return found
}

async function info(redis: Redis): Promise<string> {
  return String(await redis.command('INFO', 'everything')).replaceAll('\r', '')
}

function cpuSeconds(said: string): number {
  return numberOf(said, 'used_cpu_user') + numberOf(said, 'used_cpu_sys')
}

function numberOf(said: string, name: string): number {
  return Number(new RegExp(`^${name}:(.*)$`, 'm').exec(said)?.[1])
}
