import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { ensure } from '../world/debian.ts'
import { sessionId, startWorld } from '../world/world.ts'
import { indentedIn } from './pages.ts'

test('the first read of the guide for AKS is answered, over the certificate that the guide makes', async () => {
  for (const program of ['openssl', 'curl']) ensure(program)
  const typed = indentedIn(readFileSync('docs/guides/aks-workload-identity.md', 'utf8'))
  const [make = ''] = /^ *openssl req .*$/m.exec(typed) ?? []
  const [read = ''] = /^ *printf [^]*?<session>$/m.exec(typed) ?? []
  using folder = mkdtempDisposableSync(join(tmpdir(), 'session-gateway-first-read-'))
  const cwd = folder.path
  assert.equal(spawnSync('sh', ['-c', make], { cwd }).status, 0)
  const tls = { certFile: join(cwd, 'tls.crt'), keyFile: join(cwd, 'tls.key') }
  await using world = await startWorld({ config: { server: { tls } } })
  writeFileSync(join(cwd, 'token'), await world.workloadToken('triage'))

  const first = async (): Promise<string> => {
    const command = read.replace('localhost:8443', `localhost:${world.port}`).replace('<session>', sessionId)
    const child = spawn('sh', ['-c', command], { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
    return await text(child.stdout)
  }
  const answer = await first()
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
  assert.match(answer, /^cache-status: session-gateway; fwd=uri-miss; fwd-status=200; stored\r$/im)
  assert.match(answer, /"displayName":"API: who am I"/)
  assert.match(await first(), /^cache-status: session-gateway; hit; ttl=\d+\r$/im)
})
