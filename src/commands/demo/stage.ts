/**
 * The demo's stage: an emulator, a gateway in front of it over TLS, and a folder with what both and `curl` need.
 *
 * @module
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { loadConfig } from '../../config/index.ts'
import { type Emulator, startEmulator } from '../../emulator/index.ts'
import { type Gateway, startGateway } from '../../gateway.ts'
import { createLog } from '../../telemetry/index.ts'
import { describeFinding } from '../terminal.ts'

export interface Stage extends AsyncDisposable {
  readonly emulator: Emulator
  /** `https://localhost:PORT` */
  readonly gatewayUrl: string
  readonly managementUrl: string
  /** What the gateway has recorded so far, one line each. */
  readonly records: readonly string[]
  readonly caFile: string
  /** Where a caller's token is kept, as its platform would. */
  readonly tokenFile: (name: string) => string
}

/** @param configFile the demo's part that an operator would write; the rest is layered over it */
export async function setTheStage(configFile: URL, version: string): Promise<Stage> {
  await using building = new AsyncDisposableStack()
  const emulator = building.use(await startEmulator())
  const folder = await mkdtemp(join(tmpdir(), 'session-gateway-demo-'))
  building.defer(() => rm(folder, { recursive: true, force: true }))

  const inFolder = (name: string): string => join(folder, name)
  const certificate = await emulator.certificateFor(['localhost', '127.0.0.1'])
  await Promise.all([
    writeFile(inFolder('ca.pem'), emulator.caPem),
    writeFile(inFolder('tls.crt'), certificate.certPem),
    writeFile(inFolder('tls.key'), certificate.keyPem, { mode: 0o600 }),
    writeFile(inFolder('pod.token'), emulator.cluster.podToken, { mode: 0o600 }),
    writeFile(inFolder('client.secret'), emulator.entra.clientSecret, { mode: 0o600 }),
  ])
  await writeFile(
    inFolder('emulated.yaml'),
    stringify({
      server: { tls: { certFile: inFolder('tls.crt'), keyFile: inFolder('tls.key') } },
      outbound: { caFile: inFolder('ca.pem') },
      graph: { endpoint: emulator.url },
      identity: {
        tenantId: emulator.entra.tenantId,
        clientId: emulator.entra.clientId,
        authorityHost: emulator.url,
        credential: { type: 'secret', file: inFolder('client.secret') },
      },
      issuers: {
        cluster: {
          apiServer: emulator.cluster.url,
          tokenFile: inFolder('pod.token'),
          caFile: inFolder('ca.pem'),
        },
      },
    }),
  )

  const files = [fileURLToPath(configFile), inFolder('emulated.yaml')]
  const loaded = await loadConfig({ files, env: {} })
  if (!loaded.ok) throw new Error(loaded.problems.map(describeFinding).join('\n'))
  const records: string[] = []
  const gateway: Gateway = building.use(
    await startGateway(loaded.config, {
      log: createLog('warn'),
      stdout: recorder(records),
      version,
      env: {},
    }),
  )
  const stage = building.move()
  return {
    emulator,
    gatewayUrl: `https://localhost:${gateway.address.port}`,
    managementUrl: `http://127.0.0.1:${gateway.managementAddress.port}`,
    records,
    caFile: inFolder('ca.pem'),
    tokenFile: (name) => inFolder(`${name}.token`),
    async [Symbol.asyncDispose]() {
      await gateway.drain()
      await stage.disposeAsync()
    },
  }
}

function recorder(records: string[]): Writable {
  return new Writable({
    decodeStrings: false,
    write(batch: string, _encoding, done) {
      records.push(...batch.trimEnd().split('\n'))
      done()
    },
  })
}
