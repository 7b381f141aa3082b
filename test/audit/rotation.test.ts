import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempDisposableSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '../commands/program.ts'
import { startServing } from '../commands/serving.ts'

test('a signing key is exchanged by a restart, and the trail of before and after is verified with both', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'session-gateway-audit-key-'))
  const inFolder = (name: string): string => join(folder.path, name)
  const audit = {
    sink: { file: inFolder('{hostname}.jsonl'), fsync: 'each-batch' },
    signingKeyFile: inFolder('signing.key'),
  }
  for (const life of ['old', 'new']) {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    writeFileSync(inFolder('signing.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(inFolder(`${life}.pub`), publicKey.export({ type: 'spki', format: 'pem' }))
    await using serving = await startServing({ config: { audit } })
    assert.equal((await serving.ask()).status, 200)
    serving.program.child.kill('SIGTERM')
    assert.equal((await serving.program.ended).code, 0)
  }
  const trail = readdirSync(folder.path).filter((name) => name.endsWith('.jsonl'))
  const verified = (...keys: string[]) =>
    run(['audit', 'verify', ...trail.map(inFolder), '--key', ...keys.map((name) => inFolder(`${name}.pub`))])
  const both = await verified('old', 'new')
  assert.equal(both.code, 0, both.stdout)
  assert.match(both.stdout, /intact\n$/)
  const one = await verified('new')
  assert.equal(one.code, 1)
  assert.match(one.stdout, /is signed with key [0-9a-f]{16}, not with yours/)
})
