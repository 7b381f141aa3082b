/**
 * nginx in front of Graph, in the ways that people would use it: one file of `nginx/` each.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensure } from '../../test/world/debian.ts'
import { ensureNginx as ensureServer } from '../nginx.ts'
import { fill, type Peer, start } from './start.ts'
import type { World } from './world.ts'

export type NginxKind = 'cache' | 'cache-tls' | 'njs' | 'auth-request' | 'kept-verdict'

export function ensureNginx(): void {
  ensureServer()
  const njs = 'libnginx-mod-http-js'
  ensure(njs, () => spawnSync('dpkg', ['-s', njs]).status === 0, njs)
}

export function startNginx(kind: NginxKind, world: World): Promise<Peer> {
  return start(async ({ port, folder }) => {
    const values = {
      port,
      folder,
      originPort: world.originPort,
      user: process.getuid?.() === 0 ? 'user root;' : '',
      issuer: world.issuer,
      audience: world.audience,
      publicKey: world.publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    }
    for (const name of ['main.conf', 'http.conf', 'session.conf', 'jwt.js', `${kind}.conf`]) {
      await fill(`nginx/${name}`, join(folder, name), values)
    }
    await writeFile(join(folder, 'tls.crt'), world.certificate.certPem)
    await writeFile(join(folder, 'tls.key'), world.certificate.keyPem)
    const nginx = ['nginx', '-p', folder, '-c', join(folder, `${kind}.conf`)]
    if (kind !== 'auth-request' && kind !== 'kept-verdict') return [nginx]
    const verifier = fileURLToPath(new URL('../contestants/verifier.ts', import.meta.url))
    const socket = join(folder, 'verifier.sock')
    return [[process.execPath, verifier, socket, ...world.verifying], nginx]
  })
}
