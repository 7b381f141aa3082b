/**
 * What replicas have in common, from the configuration: a tier of the cache, and one gate.
 *
 * @module
 */

import type { Clock } from './clock.ts'
import type { Config, SharedConfig } from './config/index.ts'
import { type Gate, longestAtGateMs } from './graph/index.ts'
import type { LinkLocal, Outbound } from './outbound/index.ts'
import { authoritiesFor, connectionFor, redisTokensFor } from './reach-redis.ts'
import { sessionKeys } from './session/index.ts'
import { createSealing, createTier, type Credentials, type Tier, watchKeys } from './shared/index.ts'
import type { Log, Metrics } from './telemetry/index.ts'
import { redisLogins } from './token/index.ts'

export interface Sharing {
  readonly tier: Tier
  /** What is wrong, in a few words each. */
  readonly problems: readonly string[]
  close(): Promise<void>
}

export interface SharingOptions {
  readonly gate: Gate
  readonly clock: Clock
  readonly timeline: () => number
  readonly random: () => number
  readonly log: Log
  readonly metrics: Metrics
  /** To whoever gives tokens, with `auth: { type: entra }`. Redis itself is never reached by these. */
  readonly outbound: Outbound
  readonly linkLocal: LinkLocal
}

/**
 * Connects behind: it neither waits for Redis nor needs it.
 *
 * @throws {StartFailure} a file cannot be read, or holds something else
 */
export async function sharingFor(
  config: Config,
  shared: SharedConfig,
  options: SharingOptions,
): Promise<Sharing> {
  const { cache, graph, identity } = config
  const { gate, clock, timeline, random, log, metrics } = options
  const { maxRetention } = cache
  const ca = await authoritiesFor(shared)
  const keys = await watchKeys({
    file: shared.keysFile,
    clock,
    observer(problem) {
      metrics.sharedKeysReloaded(problem === undefined)
      if (problem === undefined) log.info('cache.shared.keysFile: new keys')
      else log.error(`cache.shared.keysFile: the new file is not used: ${problem}`)
    },
  })
  const login = loginFor(shared.auth, config, options)
  let whyNot: string | undefined
  const connection = connectionFor(shared, {
    ca,
    credentials: login.credentials,
    clock,
    random,
    observer: {
      connected: () => void (whyNot = undefined),
      failed: ({ message }) => void (whyNot = message),
    },
  })
  const tier = createTier({
    connection,
    sealing: createSealing(() => keys.current),
    prefix: shared.prefix,
    realm: `${graph.endpoint} ${identity.tenantId} ${identity.clientId}`,
    timeoutMs: shared.timeout,
    maxRetentionMs: maxRetention,
    patienceMs: graph.deadline,
    keysOf: (resource) => sessionKeys(resource, graph.selectable),
    clock,
    timeline,
    observer: {
      asked: (operation, outcome) => metrics.sharedAsked(operation, outcome),
      refused: (why) => metrics.sharedRefused(why),
      claimed: (how) => metrics.sharedClaimed(how),
      changed(why) {
        if (why === undefined) log.info('the shared cache is there')
        else log.warn({ reason: whyNot ?? why }, 'the shared cache is away: this replica is on its own')
      },
    },
  })
  // Not all at once: the first that may ask finds out for the others whether Graph takes it again.
  tier.onGateShut((forMs) => gate.throttledElsewhere(forMs + random() * longestAtGateMs))
  return {
    tier,
    get problems() {
      return [
        ...(tier.isUp ? [] : ['cache.shared: away']),
        ...(keys.problem === undefined ? [] : ['cache.shared.keysFile: the new file does not work']),
      ]
    },
    async close() {
      keys.close()
      await tier.close()
      login.close()
    },
  }
}

function loginFor(
  auth: SharedConfig['auth'],
  config: Config,
  { outbound, linkLocal, clock, random, log, metrics }: SharingOptions,
): { readonly credentials: Credentials; close(): void } {
  if (auth.type !== 'entra') return { credentials: auth, close() {} }
  const tokens = redisTokensFor(config, {
    outbound,
    linkLocal,
    clock,
    clockCompared: (skewMs) => metrics.clockCompared(skewMs),
    random,
    observer: {
      exchanged: () => metrics.exchanged(true),
      failed({ message }, retryInMs) {
        metrics.exchanged(false)
        log.error({ retryInMs: Math.round(retryInMs) }, `no new token for Redis: ${message}`)
      },
    },
  })
  return { credentials: { type: 'entra', tokens: redisLogins(tokens) }, close: () => tokens.close() }
}
