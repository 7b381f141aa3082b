/**
 * nginx from Debian, pinned to one core: to be measured against, or to be asked.
 *
 * @module
 */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensure } from '../test/world/debian.ts'
import { freePort } from '../test/world/free-port.ts'

/** Installs it where it is missing; fails loudly where it cannot. */
export function ensureNginx(): void {
  ensure('nginx', () => spawnSync('nginx', ['-v']).error === undefined, 'nginx-light')
}

export interface Nginx extends AsyncDisposable {
  readonly port: number
  readonly pid: number
}

/**
 * One worker.
 *
 * @param http what stands in the `http` block, for the port that it gets
 */
export async function startNginx(
  core: number,
  http: (port: number, folder: string) => string,
): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'session-gateway-nginx-'))
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  )
  // Started by root it would read its files as somebody who may not.
  await writeFile(
    file,
    `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log warn;
     events { worker_connections 4096; }
     http { ${paths.join(' ')} access_log off; ${http(port, folder)} }`,
  )
  const child = spawn('taskset', ['-c', String(core), 'nginx', '-c', file, '-p', folder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await untilListening(port)
  return {
    port,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.kill('SIGQUIT')
      await once(child, 'exit')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    try {
      await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(1_000) })
      return
    } catch (error) {
      // A server of TLS hangs up on plain HTTP: it is there.
      const { cause } = error as { cause?: { code?: string } }
      if (cause?.code !== 'ECONNREFUSED') return
      await new Promise((resolve) => void setTimeout(resolve, 25))
    }
  }
  throw new Error('nginx did not start')
}
