/**
 * What a Redis server says of itself, judged.
 *
 * @module
 */

import type { SharedConfig } from '../../config/index.ts'
import type { ServerTold } from '../../shared/index.ts'
import { failed, ok, skipped, type Told, warning } from './line.ts'

const oldest = { Redis: [7, 0], Valkey: [7, 2] } as const
const slots = 16_384
const mebibyte = 2 ** 20
const fullAt = 0.9
/** Is it there, and who makes the trip. */
const questionsOfMiss = 2

/** @param aheadMs by how much its clock is ahead of ours */
export function describeServer(
  told: ServerTold,
  shared: SharedConfig,
  { fastestMs, aheadMs }: { readonly fastestMs: number; readonly aheadMs: number },
): Told[] {
  return [
    describeVersion(told.server),
    ...('url' in shared ? [] : [describeCluster(told.cluster)]),
    describeMemory(told.memory),
    describeSpeed(fastestMs, shared.timeout),
    ok(
      `its clock is ${(Math.abs(aheadMs) / 1000).toFixed(1)} s ${aheadMs < 0 ? 'behind' : 'ahead of'} this one, which does no harm`,
    ),
    ...('url' in shared && told.listening !== undefined ? [describeListening(told.listening, shared)] : []),
  ]
}

function describeVersion(info: string | undefined): Told {
  const name = info !== undefined && valueIn(info, 'valkey_version') !== undefined ? 'Valkey' : 'Redis'
  const version = info && valueIn(info, `${name.toLowerCase()}_version`)
  if (version === undefined || version === '') return skipped('INFO is refused: its version is not known')
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [leastMajor, leastMinor] = oldest[name]
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return ok(`${name} ${version}`)
  return failed(
    `${name} ${version}`,
    `${name} ${oldest[name].join('.')} is the oldest that this was tried with: put a newer one there`,
  )
}

function describeCluster(info: string | undefined): Told {
  const served = Number(info && valueIn(info, 'cluster_slots_ok'))
  if (info === undefined || Number.isNaN(served)) {
    return skipped('CLUSTER INFO is refused: whether each slot is served is not known')
  }
  const state = valueIn(info, 'cluster_state')
  const masters = valueIn(info, 'cluster_size')
  if (state === 'ok' && served === slots) return ok(`each slot is served, by ${masters} masters`)
  return failed(
    `the cluster’s state is ${state}: ${served} of ${slots} slots are served`,
    'redis-cli --cluster check says which are not, and --cluster fix mends it',
  )
}

function describeMemory(info: string | undefined): Told {
  const numberIn = (name: string): number => Number(info && valueIn(info, name))
  const [used, most] = [numberIn('used_memory'), numberIn('maxmemory')]
  const policy = info && valueIn(info, 'maxmemory_policy')
  if (policy === undefined || Number.isNaN(used) || Number.isNaN(most)) {
    return skipped('INFO is refused: how full it is, and what it does then, is not known')
  }
  const usedMiB = Math.ceil(used / mebibyte)
  if (most === 0) return ok(`${usedMiB} MiB are used, and no maxmemory is set`)
  const found = `${usedMiB} of ${Math.floor(most / mebibyte)} MiB are used, and the maxmemory-policy is ${policy}`
  if (policy !== 'noeviction') return ok(found)
  return warning(
    used >= most * fullAt ? `${found}: it is full, or soon will be` : found,
    'once it is full it takes nothing, and each replica goes on alone: set maxmemory-policy to allkeys-lru',
  )
}

function describeSpeed(fastestMs: number, timeoutMs: number): Told {
  const found = `it answers in ${fastestMs.toFixed(1)} ms`
  if (fastestMs * questionsOfMiss <= timeoutMs) return ok(found)
  return warning(
    found,
    `cache.shared.timeout is ${timeoutMs} ms for ${questionsOfMiss} answers, so ${fastestMs <= timeoutMs ? 'each replica makes its own trips' : 'it counts as away'}: raise that, or have Redis nearer`,
  )
}

function describeListening(listening: number, { prefix }: SharedConfig): Told {
  const who = listening === 1 ? '1 replica listens' : `${listening} replicas listen`
  return ok(`${who} there now, under the prefix ${prefix}`)
}

function valueIn(info: string, name: string): string | undefined {
  return info
    .split(/\r?\n/)
    .find((line) => line.startsWith(`${name}:`))
    ?.slice(name.length + 1)
}
