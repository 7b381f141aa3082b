/** What the tests of faults of Redis ask of replicas. */

import assert from 'node:assert/strict'
import type { Reply, World } from '../world/world.ts'

/** @param path below `/cache` */
export async function purge(world: World, path: string): Promise<Reply> {
  return world.manage(`/cache${path}`, { method: 'DELETE', token: await world.workloadToken('ops') })
}

/** What is told of the shared cache, in order. */
export function told({ logs }: World): { readonly state: 'away' | 'there'; readonly reason: string }[] {
  return logs
    .filter(({ msg }) => String(msg).startsWith('the shared cache is'))
    .map(({ msg, reason }) => ({
      state: String(msg).includes('away') ? 'away' : 'there',
      reason: String(reason),
    }))
}

/** Whether it says so; it is ready all the same. */
export async function isDegraded(world: World): Promise<boolean> {
  const { status, json } = await world.manage('/readyz')
  assert.equal(status, 200)
  return json.degraded.includes('cache.shared: away')
}

/** Questions to Redis with that outcome. */
export async function asked(world: World, outcome: 'answered' | 'late' | 'failed' | 'away'): Promise<number> {
  const { body } = await world.manage('/metrics')
  const lines = [...body.matchAll(/shared_asked_total\{operation="\w+",outcome="(\w+)"\} (\d+)/g)]
  return lines.reduce((sum, [, found, count]) => sum + (found === outcome ? Number(count) : 0), 0)
}
