/**
 * Varnish in front of Graph, with its access log.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ensure } from '../../test/world/debian.ts'
import { fill, type Peer, start } from './start.ts'
import type { World } from './world.ts'

export function ensureVarnish(): void {
  ensure('varnishd', () => spawnSync('varnishd', ['-V']).status === 0, 'varnish')
}

/** It answers over plain HTTP alone: TLS is another program's. */
export function startVarnish({ originPort }: World): Promise<Peer> {
  return start(async ({ port, folder }) => {
    const program = join(folder, 'sessions.vcl')
    await fill('varnish.vcl', program, { originPort })
    const work = join(folder, 'work')
    // In the foreground, with the rights that it was started with; one pool, since it has one core.
    const how = ['-F', '-j', 'none', '-p', 'thread_pools=1', '-p', 'timeout_idle=3600', '-s', 'malloc,64m']
    return [
      ['varnishd', '-n', work, '-a', `127.0.0.1:${port}`, '-f', program, ...how],
      // It waits until the other one is there.
      ['varnishncsa', '-n', work, '-t', '30'],
    ]
  })
}
