/**
 * An emulator, and the configuration of a gateway in front of it, to be measured over plain HTTP.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type Certificate, type Emulator, startEmulator } from '../src/emulator/index.ts'

export interface BenchWorld extends AsyncDisposable {
  readonly folder: string
  readonly emulator: Emulator
  /** Of a caller who may read the session. */
  readonly headers: Readonly<Record<string, string>>
  /** A new one of that caller, 1.1 kB with `Bearer`. */
  token(): Promise<string>
  /** Of the authority that the gateway trusts. */
  certificateFor(names: readonly string[]): Promise<Certificate>
  /** @returns the path of a file with these sections laid over the usual ones */
  configure(name: string, sections?: Readonly<Record<string, object>>): Promise<string>
}

export const sessionPath =
  '/beta/security/securityCopilot/workspaces/default/sessions/ecdfb9b3-58f5-457f-a18c-4a477890b252'

export async function startBenchWorld(): Promise<BenchWorld> {
  await using building = new AsyncDisposableStack()
  const emulator = building.use(await startEmulator())
  const folder = await mkdtemp(join(tmpdir(), 'session-gateway-bench-'))
  building.defer(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'ca.pem'), emulator.caPem)
  const usual = {
    server: {
      listen: '127.0.0.1:0',
      management: { listen: '127.0.0.1:0' },
      tls: 'off',
      drain: { delay: '0s' },
    },
    outbound: { caFile: join(folder, 'ca.pem') },
    graph: { endpoint: emulator.url },
    identity: {
      tenantId: emulator.entra.tenantId,
      clientId: emulator.entra.clientId,
      authorityHost: emulator.url,
      credential: { type: 'secret', value: emulator.entra.clientSecret },
    },
    issuers: { bench: { type: 'oidc', issuer: emulator.issuer.url, audience: 'bench' } },
    access: { bench: { callers: [{ issuer: 'bench', subject: 'bench' }], workspaces: ['default'] } },
    cache: { freshFor: '1h' },
  }
  const token = (): Promise<string> =>
    emulator.issuer.token({ sub: 'bench', aud: 'bench', jti: randomUUID(), padding: 'x'.repeat(330) })
  const headers = { authorization: `Bearer ${await token()}` }
  const made = building.move()
  return {
    folder,
    emulator,
    headers,
    token,
    certificateFor: (names) => emulator.certificateFor(names),
    async configure(name, sections = {}) {
      const file = join(folder, `${name}.yaml`)
      await writeFile(file, stringify({ ...usual, ...sections }))
      return file
    },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  }
}

/** From the log line with which a gateway says that it listens. */
export function portOf(line: string): number | undefined {
  return portsOf(line).port
}

export function portsOf(line: string): { readonly port?: number; readonly managementPort?: number } {
  return JSON.parse(line) as { port?: number; managementPort?: number }
}
