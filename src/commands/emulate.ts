import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmulator } from '../emulator/index.ts'
import { askedToStop, complain, say } from './terminal.ts'

/** Runs the emulator until it is asked to stop, and returns the exit code. */
export async function emulate(port: number): Promise<number> {
  const stop = askedToStop()
  const folder = await mkdtemp(join(tmpdir(), 'session-gateway-emulator-'))
  try {
    await using emulator = await startEmulator({ port })
    const caFile = join(folder, 'ca.pem')
    await writeFile(caFile, emulator.caPem)
    say(`# The emulator listens. This is a whole configuration for \`session-gateway serve\`:
server: { listen: 127.0.0.1:8443, tls: off, management: { listen: 127.0.0.1:9090 } }
outbound:
  caFile: ${caFile}
graph:
  endpoint: ${emulator.url}
identity:
  tenantId: ${emulator.entra.tenantId}
  clientId: ${emulator.entra.clientId}
  authorityHost: ${emulator.url}
  credential: { type: secret, value: ${emulator.entra.clientSecret} }
  # or: credential: { type: managed, endpoint: ${JSON.stringify(emulator.imds.url)} }
issuers:
  emulated: { type: oidc, issuer: ${emulator.issuer.url}, audience: session-gateway }
access:
  me:
    callers: [{ issuer: emulated, subject: me }]
    workspaces: ['*']
    reads: [session, sessions, prompts, prompt, evaluations, evaluation, plugins, workspaces]

# A caller's token, and a fault:
#   curl --cacert ${caFile} ${emulator.url}/_emulator/tokens -d '{"claims":{"sub":"me"}}'
#   curl --cacert ${caFile} ${emulator.url}/_emulator/faults -d '{"part":"graph","fault":{"kind":"status","status":429,"retryAfter":"5"}}'
# Ctrl-C ends it.`)
    await stop
    return 0
  } catch (error) {
    complain(`the emulator cannot go on: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
