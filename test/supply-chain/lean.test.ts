import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startEmulator } from '../../src/emulator/index.ts'
import { builtProgram } from '../commands/program.ts'
import { startServing } from '../commands/serving.ts'

const entry = builtProgram()
const emulator = await startEmulator()
const folder = await mkdtemp(join(tmpdir(), 'session-gateway-lean-'))
after(async () => {
  await emulator[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

test('the bundle has what it loads by the first call: a certificate signs, and every answer of the management port has its type', async () => {
  const { certPem, keyPem } = await emulator.certificateFor(['gateway'], 'rsa')
  emulator.entra.trustCertificate(certPem)
  const file = join(folder, 'client.pem')
  await writeFile(file, certPem + keyPem)
  const { tenantId, clientId } = emulator.entra
  await using gateway = await startServing({
    entry,
    emulator,
    config: {
      identity: {
        tenantId,
        clientId,
        authorityHost: emulator.url,
        credential: { type: 'certificate', file },
      },
    },
  })
  assert.equal((await gateway.ask()).status, 200)
  assert.ok(emulator.entra.requests.some(({ body }) => body.includes('client_assertion=')))
  const types = await Promise.all(
    ['/livez', '/readyz', '/metrics', '/openapi.json', '/nowhere'].map(async (path) => {
      const { headers } = await gateway.manage(path)
      return headers['content-type']
    }),
  )
  const json = 'application/json; charset=utf-8'
  assert.deepEqual(types, [json, json, 'text/plain; version=0.0.4; charset=utf-8', json, json])
})
