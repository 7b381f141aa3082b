/**
 * What a hit costs: authenticated, authorised, recorded before it leaves and counted, against `node:http` that does
 * none of it. One core for the server, the other for the load.
 *
 *     make bench BENCH=hit
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { startEmulator } from '../src/emulator/index.ts'
import { judge, median, printTable } from './report.ts'
import { ensureWrk, requestsPerSecond, startPinned } from './wrk.ts'

const rounds = 5
const seconds = 3
const connections = 64
const session =
  '/beta/security/securityCopilot/workspaces/default/sessions/ecdfb9b3-58f5-457f-a18c-4a477890b252'

function portOf(line: string): number | undefined {
  const { port } = JSON.parse(line) as { port?: number }
  return port
}

ensureWrk()
execFileSync('make', ['build'], { stdio: 'inherit' })
await using stack = new AsyncDisposableStack()
const emulator = stack.use(await startEmulator())
const folder = await mkdtemp(join(tmpdir(), 'session-gateway-bench-'))
stack.defer(() => rm(folder, { recursive: true, force: true }))
await writeFile(join(folder, 'ca.pem'), emulator.caPem)
await writeFile(
  join(folder, 'gateway.yaml'),
  stringify({
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
  }),
)
const token = await emulator.issuer.token({ sub: 'bench', aud: 'bench', padding: 'x'.repeat(300) })
const headers = { authorization: `Bearer ${token}` }

const bare = stack.use(await startPinned(['bench/contestants/bare.ts'], portOf))
const gateway = stack.use(
  await startPinned(['dist/main.js', 'serve', '-c', join(folder, 'gateway.yaml')], portOf),
)
const runs = new Map<string, number[]>([
  ['node:http, no work', []],
  ['session-gateway, hit', []],
])
for (let round = 0; round <= rounds; round += 1) {
  for (const [name, url] of [
    ['node:http, no work', bare.url],
    ['session-gateway, hit', `${gateway.url}${session}`],
  ] as const) {
    const rate = await requestsPerSecond({ url, headers, seconds, connections })
    // The first round warms up.
    if (round > 0) runs.get(name)?.push(rate)
  }
}
printTable('requests/s', runs)
const [ceiling = [], hits = []] = [...runs.values()]
process.exitCode = judge([
  {
    what: 'hit, as a share of node:http without work',
    measured: median(hits) / median(ceiling),
    atLeast: 0.25,
  },
])
