/**
 * Starts the program that is in `dist/`, asks it a little, ends it, and keeps what V8 has compiled meanwhile:
 * `program.cache`, from which the next start takes it. Nobody else is asked: on this machine there is neither Entra nor Graph.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openProgram, sealed } from './compiled.ts'

const dist = new URL('../dist/', import.meta.url)
const nobody = 'https://localhost:1'
const config = {
  server: {
    listen: '127.0.0.1:0',
    tls: 'off',
    management: { listen: '127.0.0.1:0' },
    drain: { delay: '0s' },
  },
  graph: { endpoint: nobody },
  identity: {
    tenantId: '11111111-1111-1111-1111-111111111111',
    clientId: '22222222-2222-2222-2222-222222222222',
    authorityHost: nobody,
    credential: { type: 'secret', value: 'none' },
  },
  issuers: { nobody: { type: 'oidc', issuer: nobody, audience: 'nobody' } },
  access: { nobody: { callers: [{ issuer: 'nobody', subject: 'nobody' }], workspaces: ['default'] } },
}

/** @throws Error when the program does not start, or does not end as it should */
export async function compile(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'session-gateway-compile-'))
  try {
    const configFile = join(folder, 'gateway.yaml')
    writeFileSync(configFile, JSON.stringify(config))
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), configFile], {
      env: {},
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const said: string[] = []
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(line)
      const port = /"managementPort":(\d+),"msg":"listening"/.exec(line)?.[1]
      if (port === undefined) continue
      for (const path of ['livez', 'readyz', 'metrics']) {
        await fetch(`http://127.0.0.1:${port}/${path}`)
      }
      child.kill('SIGTERM')
    }
    if (child.exitCode === null) await once(child, 'exit')
    if (child.exitCode !== 0) throw new Error(`dist/program.cjs cannot be compiled:\n${said.join('\n')}`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (import.meta.main) {
  const { script, program } = openProgram(dist)
  await program.run([...process.argv.slice(0, 2), 'serve', '-c', ...process.argv.slice(2)])
  const source = readFileSync(new URL('program.cjs', dist))
  writeFileSync(new URL('program.cache', dist), sealed(script.createCachedData(), source))
}
