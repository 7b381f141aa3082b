/**
 * Minutes of everything at once: the built program in front of the emulator, callers of all kinds, faults, restarts.
 *
 * Not a test: it takes minutes, and what it meets depends on the machine. SEED repeats the choices, not their timing.
 * It says at its end what happened, and exits with 1 when an invariant was broken.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type Emulator, startEmulator } from '../../src/emulator/index.ts'
import { printMachine } from '../report.ts'
import { chanceOf } from './chance.ts'
import { causeFaults, changeSecrets, type Troubles, wrongSecret } from './faults.ts'
import { Findings } from './findings.ts'
import { access, audience, badTokens, identities, renewTokens } from './identities.ts'
import { Judge } from './judge.ts'
import { Lives } from './lives.ts'
import { causeLoad } from './load.ts'
import {
  createTurns,
  deadlineMs,
  drainDelayMs,
  pause,
  type Plan,
  planFrom,
  type Turns,
  windows,
} from './plan.ts'
import { print, printCounts, printSlopes, printVerdicts } from './report.ts'
import { canary, Sessions } from './sessions.ts'
import { Trail } from './trail.ts'

const sessionCount = 3_000
/** When all callers have gone: two that listen, a stream, and what is kept open towards Graph and Entra. */
const mostSocketsLeft = 64
const plan = planFrom(process.env)
printMachine()
print(`MINUTES=${plan.durationMs / 60_000} SEED=${plan.seed}`)
process.exitCode = await soak()

async function soak(): Promise<number> {
  await using ending = new AsyncDisposableStack()
  const findings = new Findings()
  const emulator = ending.use(await startEmulator())
  // Renewed every 45 s.
  emulator.entra.tokenLifetimeSeconds = 60
  const folder = await mkdtemp(join(tmpdir(), 'session-gateway-soak-'))
  const trapped = createServer((socket) => {
    findings.check('credentials go nowhere else', false, () => 'somebody followed a redirect')
    socket.destroy()
  })
  const trap = `https://localhost:${await portOf(trapped)}`
  ending.defer(() => void trapped.close())
  const [port, managementPort] = [await freePort(), await freePort()]
  await configure(emulator, folder, port, managementPort)

  const secrets = [emulator.entra.clientSecret, wrongSecret, emulator.cluster.podToken, canary]
  const leaks = (text: string): string | undefined =>
    secrets.find((secret) => text.includes(secret)) ?? /eyJ[\w-]{10,}\.[\w-]{10,}/.exec(text)?.[0]
  const all = identities()
  await renewTokens(all, emulator)
  const sessions = new Sessions(emulator, sessionCount, chanceOf(plan.seed, 'sessions'))
  const trailFile = join(folder, 'audit.jsonl')
  const trail = new Trail(trailFile, findings, leaks)
  const long = Number.NEGATIVE_INFINITY
  const troubles: Troubles = { graph: long, token: long, issuer: long, cluster: long, imds: long }
  const judge = new Judge(findings, trail, troubles)
  const ca = emulator.caPem
  const lives = new Lives({ folder, ca, findings, managementPort, leaks })
  ending.defer(() => void lives.newest.child.kill('SIGKILL'))
  await lives.start()

  // A gateway does not start with files that do not work, and should not.
  const disk = createTurns()
  const trouble = { emulator, disk, plan, findings, troubles, identities: all, folder, trap }
  const sampling = setInterval(() => void lives.sample(), 1_000)
  await Promise.all([
    causeLoad({
      plan,
      lives,
      sessions,
      identities: all,
      badTokens: await badTokens(emulator),
      findings,
      judge,
      troubles,
      port,
      managementPort,
      ca,
    }),
    causeFaults(trouble),
    changeSecrets(trouble),
    changeSessions(sessions),
    restart(lives, findings, disk),
  ])
  clearInterval(sampling)
  findings.check('credentials go nowhere else', true, () => '')

  await judgeRest(lives, findings)
  await lives.drain()
  trail.catchUp()
  judgeChain(trailFile, lives, findings)
  await report(findings, lives, emulator, trail)
  const code = printVerdicts(findings, untestedIn(plan))
  if (code === 0) await rm(folder, { recursive: true })
  else print(`\nlogs and records are in ${folder}`)
  return code
}

async function configure(
  emulator: Emulator,
  folder: string,
  port: number,
  managementPort: number,
): Promise<void> {
  const inFolder = (name: string): string => join(folder, name)
  const ms = (value: number): string => `${value}ms`
  const certificate = await emulator.certificateFor(['localhost'])
  const config = {
    server: {
      listen: `127.0.0.1:${port}`,
      management: { listen: `127.0.0.1:${managementPort}` },
      tls: { certFile: inFolder('tls.crt'), keyFile: inFolder('tls.key') },
      drain: { delay: ms(drainDelayMs), timeout: '10s' },
    },
    outbound: { caFile: inFolder('ca.pem') },
    graph: { endpoint: emulator.url, deadline: ms(deadlineMs), maxBody: '64KiB' },
    identity: {
      tenantId: emulator.entra.tenantId,
      clientId: emulator.entra.clientId,
      authorityHost: emulator.url,
      credential: { type: 'secret', file: inFolder('client.secret') },
    },
    issuers: {
      cluster: {
        type: 'kubernetes',
        audience,
        apiServer: emulator.cluster.url,
        tokenFile: inFolder('pod.token'),
        caFile: inFolder('ca.pem'),
      },
      oidc: { type: 'oidc', issuer: emulator.issuer.url, audience },
    },
    access,
    cache: {
      freshFor: ms(windows.freshForMs),
      staleWhileRevalidate: ms(windows.staleWhileRevalidateMs),
      staleIfError: ms(windows.staleIfErrorMs),
      maxRetention: ms(windows.maxRetentionMs),
      notFoundFor: ms(windows.notFoundForMs),
      memory: '2MiB',
    },
    audit: { sink: { file: inFolder('audit.jsonl'), fsync: 'none' } },
  }
  const contents: Readonly<Record<string, string>> = {
    'ca.pem': emulator.caPem,
    'tls.crt': certificate.certPem,
    'tls.key': certificate.keyPem,
    'pod.token': emulator.cluster.podToken,
    'client.secret': emulator.entra.clientSecret,
    'gateway.yaml': stringify(config),
  }
  await Promise.all(Object.entries(contents).map(([name, text]) => writeFile(inFolder(name), text)))
}

async function changeSessions(sessions: Sessions): Promise<void> {
  const chance = chanceOf(plan.seed, 'changes')
  while (!plan.isOver) {
    await pause(chance.between(20, 150))
    sessions.change(sessions.popular(chance), chance)
  }
}

/** The last life has the second half to itself, so that its slopes say something. */
async function restart(lives: Lives, findings: Findings, disk: Turns): Promise<void> {
  const chance = chanceOf(plan.seed, 'restarts')
  const until = plan.startedAt + plan.durationMs / 2
  for (;;) {
    await pause(chance.between(5_000, 20_000))
    if (performance.now() > until) return
    const isDrain = chance.is(0.5)
    findings.count(`restart ${isDrain ? 'SIGTERM' : 'SIGKILL'}`)
    const end = (): Promise<void> => (isDrain ? lives.drain() : lives.kill())
    await disk(() => lives.follow(end, chance.between(0, 1_000)))
  }
}

/** Callers have gone: nothing of them may be left. */
async function judgeRest(lives: Lives, findings: Findings): Promise<void> {
  const { newest } = lives
  await newest.agent.destroy()
  await pause(deadlineMs + 2_000)
  await lives.sample()
  const metrics = await lives.metrics()
  const value = (name: string): number =>
    Number(new RegExp(`^session_gateway_${name} (\\S+)`, 'm').exec(metrics)?.[1])
  const left = {
    sockets: newest.samples.at(-1)?.sockets ?? Number.NaN,
    requests: value('requests_in_flight'),
    trips: value('graph_trips_in_flight'),
    auditBytes: value('audit_pending_bytes'),
  }
  newest.samples.pop()
  print(`\nleft when all callers had gone: ${JSON.stringify(left)}`)
  const { sockets, requests, trips, auditBytes } = left
  findings.check(
    'memory and sockets level off',
    sockets <= mostSocketsLeft && requests === 0 && trips === 0 && auditBytes === 0,
    () => JSON.stringify(left),
  )
}

function judgeChain(trailFile: string, lives: Lives, findings: Findings): void {
  const heads = lives.all.map((life) => lives.logOf(life))
  const verify = ['dist/main.js', 'audit', 'verify', trailFile, '--heads', ...heads]
  const { status, stdout, stderr } = spawnSync(process.execPath, verify, { encoding: 'utf8' })
  findings.check('the chain verifies', status === 0, () => `${stdout}${stderr}`)
}

async function report(findings: Findings, lives: Lives, emulator: Emulator, trail: Trail): Promise<void> {
  printCounts(findings, 'requests', 'asked ')
  printCounts(findings, 'answers, by status and cause', 'answer ')
  printCounts(findings, 'bytes that are no request, by answer', 'bytes ')
  printCounts(findings, 'purges', 'purge ')
  for (const what of ['left', 'lost by a kill', 'turned away by a drain', 'good tokens refused with 401']) {
    print(`${String(findings.counts.get(what) ?? 0).padStart(11)}  ${what}`)
  }
  printCounts(findings, 'restarts', 'restart ')
  printCounts(findings, 'faults', 'fault ')
  printCounts(findings, 'outages', 'outage ')
  printCounts(findings, 'log', 'log ')
  const { calls } = emulator.graph
  print(
    `\n${calls} Graph calls, ${emulator.entra.exchanges} exchanges, ${emulator.issuer.jwksRequests} key fetches, ${trail.records} records`,
  )
  printSlopes(lives.all, findings)
}

/** What a short soak need not come to. */
function untestedIn({ durationMs }: Plan): string[] {
  return durationMs >= 5 * 60_000 ? [] : ['last resorts only when something failed']
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Free a moment ago: a gateway that starts anew needs the same one. */
async function freePort(): Promise<number> {
  const server = createServer()
  const port = await portOf(server)
  server.close()
  await once(server, 'close')
  return port
}
