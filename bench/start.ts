/**
 * How long a gateway takes from the start of its process until it is ready, with Entra and the issuer answering at once,
 * and what memory it has when nobody asks. Beside it Node alone, and Node with a server that does nothing: what no
 * program on it goes below.
 *
 *     make bench BENCH=start
 *
 * @module
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { type Figures, median, reportAlone } from './report.ts'
import { portsOf, startBenchWorld } from './world.ts'

const idleMs = 3_000
/** A server that does nothing, in JavaScript: what is left of types takes time to be taken out. */
const idle = `const server = require('node:http').createServer((_, response) => response.end())
  server.listen(0, '127.0.0.1', () => console.log(JSON.stringify(server.address())))`

export async function measure(isFull: boolean): Promise<Figures> {
  execFileSync('make', ['build'], { stdio: 'inherit' })
  const rounds = isFull ? 21 : 7
  await using world = await startBenchWorld()
  const args = ['dist/main.js', 'serve', '-c', await world.configure('start')]
  const env = asInContainer(world.folder)
  const ms: Record<string, number[]> = {}
  const megabytes: Record<string, number[]> = {}
  const note = (rows: Record<string, number[]>, name: string, value: number): void =>
    void (rows[name] ??= []).push(value)

  // The first round warms up: files come from the disk.
  for (let round = 0; round <= rounds; round += 1) {
    const alone = await timeOf(['-e', '0'], env)
    const server = await started(['-e', idle], env)
    const serverMegabytes = await residentWhenIdle(server)
    const gateway = await started(args, env)
    const gatewayMegabytes = await residentWhenIdle(gateway)
    if (round === 0) continue
    note(ms, 'node -e 0, to its end', alone)
    note(ms, 'node:http, no work: listening', server.listeningMs)
    note(ms, 'session-gateway: listening', gateway.listeningMs)
    note(ms, 'session-gateway: ready', gateway.readyMs)
    note(megabytes, 'node:http, no work', serverMegabytes)
    note(megabytes, 'session-gateway', gatewayMegabytes)
  }
  const readyRuns = ms['session-gateway: ready'] ?? []
  const idleRuns = megabytes['session-gateway'] ?? []
  return {
    name: 'start',
    goals: [
      { what: 'start to ready', measured: median(readyRuns), runs: readyRuns, unit: 'ms', atMost: 300 },
      { what: 'idle memory', measured: median(idleRuns), runs: idleRuns, unit: 'MB', atMost: 100 },
    ],
    tables: [
      { title: 'From the start of the process', unit: 'ms', rows: ms },
      { title: 'Resident memory when idle', unit: 'MB', rows: megabytes },
    ],
  }
}

type Environment = Readonly<Record<string, string>>

/** As in the image, which has no certificate authorities but Node's own: to read this machine's would take a while. */
function asInContainer(emptyFolder: string): Environment {
  return { SSL_CERT_DIR: emptyFolder, SSL_CERT_FILE: `${emptyFolder}/none` }
}

interface Started {
  readonly child: ChildProcess
  readonly listeningMs: number
  /** As a probe sees it; as soon as it listens where there is no management port. */
  readonly readyMs: number
}

async function timeOf(args: readonly string[], env: Environment): Promise<number> {
  const startedAt = performance.now()
  await once(spawn(process.execPath, args, { env, stdio: 'ignore' }), 'exit')
  return performance.now() - startedAt
}

async function started(args: readonly string[], env: Environment): Promise<Started> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ports = await listening(child)
  const listeningMs = performance.now() - startedAt
  if (ports.managementPort !== undefined) await ready(ports.managementPort)
  return { child, listeningMs, readyMs: performance.now() - startedAt }
}

function listening(child: ChildProcess): Promise<ReturnType<typeof portsOf>> {
  return new Promise((resolve, reject) => {
    const said: string[] = []
    for (const input of [child.stdout, child.stderr]) {
      if (input === null) continue
      createInterface({ input }).on('line', (line) => {
        said.push(line)
        const ports = portsOf(line)
        if (ports.port !== undefined) resolve(ports)
      })
    }
    child.once('exit', () => reject(new Error(`it did not start:\n${said.join('\n')}`)))
  })
}

async function ready(port: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  while ((await statusOf(port, agent)) !== 200) await pause(1)
  agent.destroy()
}

function statusOf(port: number, agent: Agent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/readyz', agent }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode))
    })
      .once('error', reject)
      .end()
  })
}

async function residentWhenIdle(server: Started): Promise<number> {
  await pause(idleMs)
  const status = readFileSync(`/proc/${server.child.pid}/status`, 'utf8')
  await ended(server)
  return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024) / 1e6
}

async function ended({ child }: Started): Promise<void> {
  child.kill('SIGTERM')
  await once(child, 'exit')
}

if (import.meta.main) await reportAlone(measure)
