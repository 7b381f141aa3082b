/** `session-gateway serve` as a process of its own, with the emulator in this one. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { stringify } from 'yaml'
import { type Emulator, startEmulator } from '../../src/emulator/index.ts'
import { recordsIn } from '../world/recorded.ts'
import { audience, type Line, type Reply, sessionPath } from '../world/world.ts'
import { type Program, type ProgramOptions, startProgram } from './program.ts'

export interface Serving extends AsyncDisposable {
  readonly emulator: Emulator
  readonly program: Program
  readonly port: number
  readonly folder: string
  /** A token of the issuer `oidc`, for `subject`. */
  readonly token: string
  /** Audit records so far, whole lines only. */
  readonly records: readonly Line[]
  /** Log lines so far. */
  readonly logs: readonly Line[]
  ask(path?: string, headers?: Record<string, string>): Promise<Reply>
  /** Asks the management port. */
  manage(path: string, asking?: { method?: 'GET' | 'DELETE'; authorization?: string }): Promise<Reply>
}

export interface ServingOptions extends ProgramOptions {
  /** Laid over the top-level keys of the usual configuration; made from the paths of its folder where it names some. */
  readonly config?:
    | Readonly<Record<string, object>>
    | ((inFolder: (name: string) => string) => Readonly<Record<string, object>>)
  /** Of every token; `reader` unless told. */
  readonly subject?: string
  /** Another one's, which goes with that one. */
  readonly emulator?: Emulator
}

/** Waits until it is ready. */
export async function startServing({
  config,
  subject = 'reader',
  emulator: given,
  ...options
}: ServingOptions = {}): Promise<Serving> {
  await using building = new AsyncDisposableStack()
  const emulator = given ?? building.use(await startEmulator())
  const folder = await mkdtemp(join(tmpdir(), 'session-gateway-serving-'))
  building.defer(() => rm(folder, { recursive: true, force: true }))
  const file = await writeConfig(folder, emulator, config)
  const program = building.use(startProgram(['serve', '-c', file], options))
  const [, port = '', managementPort = ''] = await program.prints(
    'stderr',
    /"port":(\d+),"managementPort":(\d+),"msg":"listening"/,
  )
  const agent = new Agent({ connect: { ca: emulator.caPem }, connections: 256 })
  building.defer(() => agent.destroy())
  const token = await emulator.issuer.token({ sub: subject, aud: audience })

  async function send(
    target: string,
    headers: Record<string, string>,
    method: 'GET' | 'DELETE' = 'GET',
  ): Promise<Reply> {
    const response = await request(target, { dispatcher: agent, headers, method })
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
  const manage: Serving['manage'] = (path, { method, ...headers } = {}) =>
    send(`http://127.0.0.1:${managementPort}${path}`, headers, method)
  await until(async () => (await manage('/readyz')).status === 200)
  const made = building.move()
  return {
    emulator,
    program,
    port: Number(port),
    folder,
    token,
    get records() {
      return recordsIn(wholeLinesOf(program.stdout))
    },
    get logs() {
      return linesOf(wholeLinesOf(program.stderr))
    },
    ask: (path = sessionPath, headers = {}) =>
      send(`https://localhost:${port}${path}`, { authorization: `Bearer ${token}`, ...headers }),
    manage,
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  }
}

/** @returns the path of the configuration, beside the files that it names */
export async function writeConfig(
  folder: string,
  emulator: Emulator,
  changes: ServingOptions['config'],
): Promise<string> {
  const inFolder = (name: string): string => join(folder, name)
  const config = typeof changes === 'function' ? changes(inFolder) : changes
  const certificate = await emulator.certificateFor(['localhost'])
  const usual = {
    server: serverConfig(folder),
    outbound: { caFile: inFolder('ca.pem') },
    graph: { endpoint: emulator.url },
    identity: {
      tenantId: emulator.entra.tenantId,
      clientId: emulator.entra.clientId,
      authorityHost: emulator.url,
      credential: { type: 'secret', file: inFolder('client.secret') },
    },
    issuers: { oidc: { type: 'oidc', issuer: emulator.issuer.url, audience } },
    access: { readers: { callers: [{ issuer: 'oidc', subject: '*' }], workspaces: ['*'] } },
    ...config,
    ...(config?.['server'] === undefined ? {} : { server: { ...serverConfig(folder), ...config['server'] } }),
  }
  const contents: Readonly<Record<string, string>> = {
    'ca.pem': emulator.caPem,
    'tls.crt': certificate.certPem,
    'tls.key': certificate.keyPem,
    'client.secret': emulator.entra.clientSecret,
    'gateway.yaml': stringify(usual),
  }
  await Promise.all(Object.entries(contents).map(([name, text]) => writeFile(inFolder(name), text)))
  return inFolder('gateway.yaml')
}

function serverConfig(folder: string): object {
  return {
    listen: '127.0.0.1:0',
    management: { listen: '127.0.0.1:0' },
    tls: { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') },
    drain: { delay: '0s', timeout: '10s' },
  }
}

/** Asks again until it is so; what it waits for are real answers. */
export async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => void setImmediate(resolve))
}

/** The value of a metric without labels, or the sum over its labels. */
export async function metric({ manage }: Pick<Serving, 'manage'>, name: string): Promise<number> {
  const { body } = await manage('/metrics')
  const samples = body.matchAll(new RegExp(`^session_gateway_${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))
  return [...samples].reduce((sum, [, value]) => sum + Number(value), 0)
}

function wholeLinesOf(text: string): string {
  return text.slice(0, text.lastIndexOf('\n') + 1)
}

function linesOf(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
