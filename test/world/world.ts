/**
 * A whole world on loopback: the emulated Entra, Graph and issuers, and a real gateway in front of them, over TLS.
 *
 * @module
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { stringify } from 'yaml'
import { loadConfig } from '../../src/config/index.ts'
import { type Emulator, startEmulator } from '../../src/emulator/index.ts'
import { type Gateway, startGateway } from '../../src/gateway.ts'
import { createLog } from '../../src/telemetry/index.ts'
import type { FakeClock } from './fake-clock.ts'
import { type Line, recordsIn } from './recorded.ts'
import { borrowKeys } from './signing-keys.ts'

export type { Line }

export const sessionId = 'ecdfb9b3-58f5-457f-a18c-4a477890b252'
export const workspacePath = '/beta/security/securityCopilot/workspaces/default'
export const sessionPath = `${workspacePath}/sessions/${sessionId}`

export interface Reply {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: string
  // oxlint-disable-next-line typescript/no-explicit-any -- what a test expects of a body, it says itself
  readonly json: any
}

export interface Asking {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'
  readonly headers?: Record<string, string>
  readonly body?: string
  /** `null`: without one; absent: the triage service's. */
  readonly token?: string | null
  readonly signal?: AbortSignal
}

export interface World extends AsyncDisposable {
  readonly emulator: Emulator
  readonly gateway: Gateway
  readonly url: string
  readonly port: number
  readonly ca: string
  /** A folder that goes with the world. */
  readonly folder: string
  /** The trail's lines so far. */
  readonly trail: readonly string[]
  /** Audit records of requests so far. */
  readonly records: readonly Line[]
  /** The record of one request, once it is there: refusals of nobody in particular are gathered for a second. */
  recordOf(id: unknown): Promise<Line>
  /** Log lines so far. */
  readonly logs: readonly Line[]
  /** Asks the gateway; the documented session when no path is given. */
  ask(path?: string, asking?: Asking): Promise<Reply>
  /** Asks the management port; without a token unless one is given. */
  manage(path: string, asking?: Asking): Promise<Reply>
  /** A token of the Kubernetes issuer for soc/{serviceAccount}. */
  workloadToken(serviceAccount: string): Promise<string>
}

export interface WorldOptions {
  /** Layered over the usual configuration; made from the paths of the world's files where it names some. */
  readonly config?: object | ((inFolder: (name: string) => string, emulator: Emulator) => object)
  /** Variables that the configuration is read with. */
  readonly env?: Readonly<Record<string, string>>
  /** What the gateway finds in the environment of its process, as a pod does. */
  readonly podEnv?: Readonly<Record<string, string>>
  /** Names below it are the emulator's, too, and its issuer is called by one; only a proxy finds them. */
  readonly domain?: string
  /** Sections of the usual configuration to leave out. */
  readonly without?: readonly string[]
  readonly clock?: FakeClock
  /** The emulator's time of day, where it is to differ from the gateway's. */
  readonly emulatorNow?: () => number
  /** Besides the usual ones, in the world's folder. */
  readonly files?: Readonly<Record<string, string>>
  /** Another world's, which goes with that one. */
  readonly emulator?: Emulator
  /** Before the gateway starts. */
  readonly prepare?: (emulator: Emulator) => unknown
  /** Instead of the one that keeps records for `records`. */
  readonly auditSink?: Writable
  /** Do not wait until it is ready. */
  readonly mayBeUnready?: boolean
}

/**
 * Two issuers; `triage` (cluster, soc/triage) may read everything, `wallboard` two properties, OIDC `reader` all;
 * `ops` may purge.
 */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  await using building = new AsyncDisposableStack()
  const { clock, emulatorNow = clock?.now, domain, env = {}, podEnv = {} } = options
  const keys = building.use(borrowKeys())
  const emulator =
    options.emulator ??
    building.use(
      await startEmulator({
        makeKey: keys.makeKey,
        ...(emulatorNow === undefined ? {} : { now: emulatorNow }),
        ...(domain === undefined ? {} : { domain }),
      }),
    )
  await options.prepare?.(emulator)
  const folder = await mkdtemp(join(tmpdir(), 'session-gateway-test-'))
  building.defer(() => rm(folder, { recursive: true, force: true }))
  const files = await furnish(folder, emulator, options)

  const loaded = await loadConfig({ files, env })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems, null, 2))
  const trail: string[] = []
  const records: Line[] = []
  const logs: Line[] = []
  const gateway = building.use(
    await startGateway(loaded.config, {
      log: createLog('trace', { write: (line: string) => void logs.push(JSON.parse(line)) }),
      stdout: options.auditSink ?? lineSink(trail, records),
      version: '0.0.0',
      env: podEnv,
      ...(clock === undefined ? {} : { clock }),
    }),
  )
  const agent = new Agent({ connect: { ca: emulator.caPem }, connections: 1024 })
  building.defer(() => agent.destroy())
  const { port } = gateway.address
  const url = `${loaded.config.server.tls === 'off' ? 'http' : 'https'}://localhost:${port}`
  const workloadToken = (serviceAccount: string): Promise<string> =>
    emulator.issuer.serviceAccountToken({ namespace: 'soc', serviceAccount, audience })
  const triage = await workloadToken('triage')

  async function send(target: string, { token = null, ...asking }: Asking): Promise<Reply> {
    const response = await request(target, {
      dispatcher: agent,
      ...asking,
      headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...asking.headers },
    })
    const body = await response.body.text()
    return {
      status: response.statusCode,
      headers: response.headers,
      body,
      get json() {
        return JSON.parse(body)
      },
    }
  }
  const management = `${loaded.config.server.management.tls === 'off' ? 'http' : 'https'}://127.0.0.1:${gateway.managementAddress.port}`
  const manage = (path: string, asking: Asking = {}): Promise<Reply> => send(management + path, asking)

  if (options.mayBeUnready !== true) await untilReady(manage)
  const world = building.move()
  return {
    emulator,
    gateway,
    url,
    port,
    ca: emulator.caPem,
    folder,
    trail,
    records,
    async recordOf(id) {
      const found = (): Line | undefined => records.findLast(({ requestId }) => requestId === id)
      if (found() === undefined) clock?.advance(1_000)
      for (;;) {
        const record = found()
        if (record !== undefined) return record
        await turn()
      }
    },
    logs,
    ask: (path = sessionPath, asking = {}) => send(url + path, { token: triage, ...asking }),
    manage,
    workloadToken,
    [Symbol.asyncDispose]: () => world.disposeAsync(),
  }
}

export const audience = 'session-gateway.test'

async function furnish(
  folder: string,
  emulator: Emulator,
  { config = {}, without = [], files = {} }: WorldOptions,
): Promise<string[]> {
  const inFolder = (name: string): string => join(folder, name)
  const changes = typeof config === 'function' ? config(inFolder, emulator) : config
  const certificate = await emulator.certificateFor(['localhost', '127.0.0.1', 'gateway.example'])
  const usual = {
    server: {
      listen: '127.0.0.1:0',
      management: { listen: '127.0.0.1:0' },
      tls: { certFile: inFolder('tls.crt'), keyFile: inFolder('tls.key') },
      drain: { delay: '0s', timeout: '5s' },
    },
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
        type: 'kubernetes',
        audience,
        apiServer: emulator.cluster.url,
        tokenFile: inFolder('pod.token'),
        caFile: inFolder('ca.pem'),
      },
      oidc: { type: 'oidc', issuer: emulator.issuer.url, audience },
    },
    // So that a second is a second.
    cache: { jitter: '0%' },
    access: {
      triage: {
        callers: [
          { issuer: 'cluster', namespace: 'soc', serviceAccount: 'triage' },
          { issuer: 'oidc', subject: 'reader' },
        ],
        workspaces: ['*'],
      },
      wallboard: {
        callers: [{ issuer: 'cluster', namespace: 'soc', serviceAccount: 'wallboard' }],
        workspaces: ['default'],
        select: ['id', 'displayName'],
      },
      operators: {
        callers: [{ issuer: 'cluster', namespace: 'soc', serviceAccount: 'ops' }],
        admin: ['purge'],
      },
    },
  }
  const contents: Record<string, string> = {
    'ca.pem': emulator.caPem,
    'tls.crt': certificate.certPem,
    'tls.key': certificate.keyPem,
    'pod.token': emulator.cluster.podToken,
    'client.secret': emulator.entra.clientSecret,
    'usual.yaml': stringify(
      Object.fromEntries(Object.entries(usual).filter(([section]) => !without.includes(section))),
    ),
    'changes.yaml': stringify(changes),
    ...files,
  }
  await Promise.all(Object.entries(contents).map(([name, text]) => writeFile(inFolder(name), text)))
  return [inFolder('usual.yaml'), ...(Object.keys(changes).length === 0 ? [] : [inFolder('changes.yaml')])]
}

/** Keeps the records that are written to it. */
function lineSink(trail: string[], records: Line[]): Writable {
  return new Writable({
    decodeStrings: false,
    write(batch: string, _encoding, done) {
      trail.push(...batch.trimEnd().split('\n'))
      records.push(...recordsIn(batch))
      done()
    },
  })
}

/** Polls over a real socket: what it waits for are real answers, not time. */
async function untilReady(manage: (path: string) => Promise<Reply>): Promise<void> {
  for (;;) {
    if ((await manage('/readyz')).status === 200) return
  }
}
