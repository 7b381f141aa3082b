/**
 * How Redis is reached, as configured. It knows neither log nor metrics, so that `doctor` asks exactly as `serve` does; and
 * it is apart from `reach.ts`, so that the Redis client is loaded only where replicas share something.
 *
 * @module
 */

import type { Config, RedisAddress, SharedConfig } from './config/index.ts'
import { readAuthorities } from './outbound/index.ts'
import { type ExchangeWays, exchangeFor } from './reach.ts'
import { connect, type Connection, type ConnectionOptions } from './shared/index.ts'
import {
  createTokenProvider,
  redisResource,
  type TokenProvider,
  type TokenProviderOptions,
} from './token/index.ts'

/**
 * Those that are trusted for Redis besides the system's.
 *
 * @throws {StartFailure} the file cannot be read, or holds something else
 */
export async function authoritiesFor({ caFile }: SharedConfig): Promise<readonly string[]> {
  return caFile === undefined ? [] : [await readAuthorities(caFile, 'cache.shared.caFile')]
}

/** Connects behind. */
export function connectionFor(shared: SharedConfig, options: Omit<ConnectionOptions, 'servers'>): Connection {
  const servers = 'url' in shared ? { url: urlOf(shared.url) } : { cluster: shared.cluster.map(urlOf) }
  return connect({ ...options, servers })
}

/** Tokens of the same identity as Graph's, for Redis. */
export function redisTokensFor(
  config: Config,
  {
    random,
    observer,
    ...ways
  }: Omit<ExchangeWays, 'resource'> & Pick<TokenProviderOptions, 'random' | 'observer'>,
): TokenProvider {
  const exchange = exchangeFor(config, { resource: redisResource, ...ways })
  return createTokenProvider({ exchange, clock: ways.clock, random, needsRole: false, observer })
}

export function urlOf({ scheme, host, port }: RedisAddress): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}
