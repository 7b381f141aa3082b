/** The Redis server that tests and benchmarks start. As a program: installs it where it is missing. */

import { spawnSync } from 'node:child_process'
import { ensure } from './debian.ts'

/**
 * Debian's `redis-tools` brings the server under another name, and unlike `redis-server` no service that would run on 6379.
 *
 * @returns undefined when it is not installed
 */
export function redisServer(): string | undefined {
  return ['redis-server', 'redis-check-rdb'].find(
    (file) => spawnSync(file, ['--version'], { argv0: 'redis-server' }).status === 0,
  )
}

/** Installs it where it is missing; fails loudly where it cannot. */
export function ensureRedis(): void {
  ensure('redis-server', () => redisServer() !== undefined, 'redis-tools')
}

if (import.meta.main) ensureRedis()
