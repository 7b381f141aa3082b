/**
 * The checks of `cache.shared`. What they look with, the Redis client among it, is loaded only where that is configured.
 *
 * @module
 */

import type { Clock } from '../../clock.ts'
import type { Config } from '../../config/index.ts'
import type { Outbound } from '../../outbound/index.ts'
import { skipped } from './line.ts'
import type { Begin, Step } from './steps.ts'

const fileMs = 3_000
/** A token for Redis 3 s, a connection 2.5 s. */
const reachMs = 6_000
const commandsMs = 1_500
const serverMs = 1_500

export interface SharedStepsOptions {
  readonly clock: Clock
  readonly begin: Begin
  readonly way: Step<Outbound>
  readonly token: Step<unknown>
  /** Of an address whose host is a name, the step that looks it up. */
  readonly named: (origin: string) => readonly Step<unknown>[]
}

export interface SharedSteps {
  /** In their order; none where replicas share nothing. */
  readonly steps: readonly Step<unknown>[]
  close(): Promise<void>
}

export function createSharedSteps(
  config: Config,
  { clock, begin, way, token, named }: SharedStepsOptions,
): SharedSteps {
  const { shared } = config.cache
  if (shared === undefined) return { steps: [], close: () => Promise.resolve() }
  const hosts = 'url' in shared ? [shared.url] : shared.cluster
  const names = hosts.flatMap(({ scheme, host }) =>
    named(`${scheme}://${host.includes(':') ? `[${host}]` : host}`),
  )
  const usesToken = shared.auth.type === 'entra'

  const keys = begin('cache.shared.keysFile', { withinMs: fileMs, needs: [] }, async () => {
    const { examineKeysFile } = await import('./shared.ts')
    return { told: await examineKeysFile(shared, clock) }
  })
  // Of a cluster one node is enough to begin with.
  const needed = [...('url' in shared ? names : []), ...(usesToken ? [token] : [])]
  const reached = begin('cache.shared', { withinMs: reachMs, needs: needed }, async () => {
    const known = await Promise.all(names.map(async ({ outcome }) => (await outcome).value))
    if (names.length === hosts.length && known.every((value) => value === undefined)) {
      return { told: skipped('none of its nodes has an address') }
    }
    const { examineReach } = await import('./shared.ts')
    const { value: outbound } = usesToken ? await way.outcome : {}
    return examineReach(config, shared, { clock, outbound })
  })
  const commands = begin(
    'cache.shared commands',
    { withinMs: commandsMs, needs: [reached] },
    async (held) => {
      const { examineCommands } = await import('./shared.ts')
      return examineCommands(held, shared, clock)
    },
  )
  const server = begin(
    'cache.shared server',
    { withinMs: serverMs, needs: [reached, commands] },
    async (held) => {
      const { examineServer } = await import('./shared.ts')
      return { told: await examineServer(held, shared, clock) }
    },
  )
  return {
    steps: [keys, reached, commands, server],
    async close() {
      const { value } = await reached.outcome
      await value?.[Symbol.asyncDispose]()
    },
  }
}
