/**
 * What passing on costs: a list of 1 MB, from a Graph that speaks TLS, against nginx `proxy_pass` before the same
 * Graph, and against Node with no work. They copy; the gateway authenticates, authorises, records, looks for links, and
 * counts. One core for the contestant, the other for Graph and the load.
 *
 *     make bench BENCH=pass-through
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureNginx, startNginx } from './nginx.ts'
import { judge, median, printTable } from './report.ts'
import { portOf, startBenchWorld } from './world.ts'
import { ensureWrk, requestsPerSecond, startPinned } from './wrk.ts'

const rounds = 7
const seconds = 3
const connections = 32
const list = '/beta/security/securityCopilot/workspaces/default/sessions'

ensureWrk()
ensureNginx()
execFileSync('make', ['build'], { stdio: 'inherit' })
await using stack = new AsyncDisposableStack()
const world = stack.use(await startBenchWorld())
const { headers, folder } = world
const body = listOf(1_000_000)
await writeFile(join(folder, 'list.json'), body)
const { certPem, keyPem } = await world.certificateFor(['localhost'])
await writeFile(join(folder, 'graph.crt'), certPem)
await writeFile(join(folder, 'graph.key'), keyPem)

const graph = stack.use(
  await startNginx(
    1,
    (port) => `server {
      listen 127.0.0.1:${port} ssl; keepalive_requests 1000000; output_buffers 2 128k;
      ssl_certificate ${folder}/graph.crt; ssl_certificate_key ${folder}/graph.key;
      default_type application/json;
      location = ${list} { alias ${folder}/list.json; }
    }`,
  ),
)
const endpoint = `https://localhost:${graph.port}`
const nginx = stack.use(
  await startNginx(
    0,
    (port) => `upstream graph { server localhost:${graph.port}; keepalive 64; keepalive_requests 1000000; }
    server {
      listen 127.0.0.1:${port}; keepalive_requests 1000000;
      location / {
        proxy_pass https://graph; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host localhost;
        proxy_ssl_verify on; proxy_ssl_trusted_certificate ${folder}/ca.pem; proxy_ssl_name localhost;
        proxy_ssl_server_name on; proxy_ssl_session_reuse on; proxy_buffers 16 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k;
        proxy_max_temp_file_size 0;
      }
    }`,
  ),
)
const configFile = await world.configure('pass-through', {
  graph: { endpoint },
  access: {
    bench: { callers: [{ issuer: 'bench', subject: 'bench' }], workspaces: ['default'], reads: ['sessions'] },
  },
})
const node = stack.use(
  await startPinned(['bench/contestants/pipe.ts', endpoint, join(folder, 'ca.pem')], portOf),
)
const gateway = stack.use(await startPinned(['dist/main.js', 'serve', '-c', configFile], portOf))

const contestants = [
  ['nginx, proxy_pass', `http://127.0.0.1:${nginx.port}${list}`],
  ['node:https into node:http, no work', `${node.url}${list}`],
  ['session-gateway, passed on', `${gateway.url}${list}`],
] as const
for (const [name, url] of contestants) {
  const response = await fetch(url, { headers })
  const text = await response.text()
  if (response.status !== 200 || text.length !== body.length) throw new Error(`${name}: not the list`)
}
const runs = new Map<string, number[]>(contestants.map(([name]) => [name, []]))
const memory: number[] = []
for (let round = 0; round <= rounds; round += 1) {
  for (const [name, url] of contestants) {
    const rate = await requestsPerSecond({ url, headers, seconds, connections })
    // The first round warms up.
    if (round > 0) runs.get(name)?.push((rate * body.length) / 1e6)
  }
  if (round > 0) memory.push(residentMiB(gateway.pid))
}
printTable('MB/s', runs)
const [first = 0] = memory
const last = memory.at(-1) ?? 0
process.stdout.write(
  `resident memory after each round, MiB: ${memory.map((each) => each.toFixed(0)).join(' ')}\n`,
)
const [nginxRuns = [], nodeRuns = [], passed = []] = [...runs.values()]
process.exitCode = judge([
  {
    what: 'bytes/s, as a share of nginx proxy_pass',
    measured: median(passed) / median(nginxRuns),
    atLeast: 0.8,
  },
  {
    what: 'bytes/s, as a share of node:https into node:http',
    measured: median(passed) / median(nodeRuns),
    atLeast: 0.7,
  },
  {
    what: 'memory: after the first round, as a share of after the last',
    measured: first / last,
    atLeast: 0.9,
  },
])

/** Sessions as Graph lists them, so many bytes of them. */
function listOf(bytes: number): string {
  const one = {
    id: 'ecdfb9b3-58f5-457f-a18c-4a477890b252',
    createdDateTime: '2025-10-22T20:10:54.4940649Z',
    lastModifiedDateTime: '2025-10-22T20:10:54.4940649Z',
    displayName: 'Incident 4711: who am I, and if so, how many',
  }
  const value = Array.from({ length: Math.ceil(bytes / JSON.stringify(one).length) }, () => one)
  return JSON.stringify({ '@odata.context': 'https://graph.microsoft.com/beta/$metadata#sessions', value })
}

function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}
