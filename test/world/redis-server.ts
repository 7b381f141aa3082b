/** The Redis server that tests and benchmarks start. As a program: installs it where it is missing. */

import { spawnSync } from 'node:child_process'

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
  if (redisServer() !== undefined) return
  const install = 'apt-get update -qq && apt-get install -y -qq --no-install-recommends redis-tools >&2'
  if (process.getuid?.() === 0) spawnSync('sh', ['-c', install], { stdio: 'inherit' })
  if (redisServer() === undefined) {
    throw new Error(
      'redis-server is missing, and could not be installed: it is in redis-tools (Debian), or Redis 7',
    )
  }
}

if (import.meta.main) ensureRedis()
