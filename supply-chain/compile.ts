/**
 * Keeps what V8 has compiled of the program in `dist/` once it has looked at a configuration: `program.cache`, from which
 * each start takes it. By then nearly everything has run that a start needs; nobody is asked, and nothing listened on.
 *
 *     node supply-chain/compile.ts
 *
 * @module
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openProgram, sealed } from './compiled.ts'

const config = {
  server: { tls: { certFile: '/nowhere/tls.crt', keyFile: '/nowhere/tls.key' } },
  identity: {
    tenantId: '11111111-1111-1111-1111-111111111111',
    clientId: '22222222-2222-2222-2222-222222222222',
    credential: { type: 'certificate', file: '/nowhere/client.pem' },
  },
  issuers: { cluster: { type: 'kubernetes', issuer: 'https://issuer.invalid', audience: 'session-gateway' } },
  access: {
    all: {
      callers: [{ issuer: 'cluster', namespace: 'any', serviceAccount: 'any' }],
      workspaces: ['default'],
    },
  },
}

const dist = new URL('../dist/', import.meta.url)
const cacheFile = new URL('program.cache', dist)
const folder = mkdtempSync(join(tmpdir(), 'session-gateway-'))
const configFile = join(folder, 'gateway.yaml')
writeFileSync(configFile, JSON.stringify(config))
// It would be taken, and kept: what is in the new one is to be of this run alone.
rmSync(cacheFile, { force: true })
const { script, program } = openProgram(dist)
await program.run([process.execPath, 'dist/main.js', 'check-config', '-c', configFile])
rmSync(folder, { recursive: true })
const source = readFileSync(new URL('program.cjs', dist))
if (process.exitCode === 0) writeFileSync(cacheFile, sealed(script.createCachedData(), source))
