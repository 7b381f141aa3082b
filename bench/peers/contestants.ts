/**
 * Who is measured in bench/hit, and whether they do what they are measured for.
 *
 * @module
 */

import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect } from 'node:tls'
import type { BareAnswer } from '../contestants/bare.ts'
import { type BenchWorld, sessionPath } from '../world.ts'
import { startNginx } from './nginx.ts'
import { type Peer, start } from './start.ts'
import { startVarnish } from './varnish.ts'
import type { World } from './world.ts'

export interface Contestant {
  readonly name: string
  readonly port: number
  readonly isSecure: boolean
  /** It looks at tokens, and refuses bad ones. */
  readonly isGuarded: boolean
}

/** Those that begin with `session-gateway` stand out in the chart. */
export const names = {
  gateway: 'session-gateway',
  chained: 'session-gateway, records chained',
  secure: 'session-gateway, TLS',
  bare: 'node:http, no work',
  recorded: 'node:http, no work but a line',
  bareSecure: 'node:https, no work',
  nginx: 'nginx, proxy_cache',
  nginxSecure: 'nginx, proxy_cache, TLS',
  njs: 'nginx, njs verifies each token',
  authRequest: 'nginx, auth_request to a verifier',
  keptVerdict: 'nginx, auth_request, verdicts kept',
  varnish: 'Varnish, varnishncsa',
  express: 'Express, jose, LRU, pino',
} as const

/** @param stack where they end */
export async function startContestants(world: World, stack: AsyncDisposableStack): Promise<Contestant[]> {
  const started: Contestant[] = []
  async function add(
    name: string,
    starting: Promise<Peer>,
    ...is: ('secure' | 'guarded')[]
  ): Promise<Contestant> {
    const { port } = stack.use(await starting)
    const contestant = { name, port, isSecure: is.includes('secure'), isGuarded: is.includes('guarded') }
    started.push(contestant)
    return contestant
  }
  const gateway = await add(names.gateway, startGateway(world, { chain: false }), 'guarded')
  const bare = await bareAnswerOf(gateway.port, world)
  const tls = { cert: world.certificate.certPem, key: world.certificate.keyPem }
  await add(names.nginx, startNginx('cache', world))
  await add(names.bare, startNode('bare.ts', [JSON.stringify(bare)]))
  await add(names.recorded, startNode('bare.ts', [JSON.stringify({ ...bare, record })]))
  await add(names.chained, startGateway(world, { chain: true }), 'guarded')
  await add(names.nginxSecure, startNginx('cache-tls', world), 'secure')
  await add(names.bareSecure, startNode('bare.ts', [JSON.stringify({ ...bare, tls })]), 'secure')
  await add(names.secure, startGateway(world, { chain: false, isSecure: true }), 'secure', 'guarded')
  await add(names.njs, startNginx('njs', world), 'guarded')
  await add(names.authRequest, startNginx('auth-request', world), 'guarded')
  await add(names.keptVerdict, startNginx('kept-verdict', world), 'guarded')
  await add(names.varnish, startVarnish(world))
  await add(names.express, startNode('express.ts', [world.origin, ...world.verifying]), 'guarded')
  return started
}

function startGateway(
  world: World,
  { chain, isSecure = false }: { readonly chain: boolean; readonly isSecure?: boolean },
): Promise<Peer> {
  return start(async ({ port, folder }) => {
    const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')]
    await writeFile(certFile, world.certificate.certPem)
    await writeFile(keyFile, world.certificate.keyPem)
    const config = await world.configure(String(port), {
      server: {
        listen: `127.0.0.1:${port}`,
        management: { listen: '127.0.0.1:0' },
        tls: isSecure ? { certFile, keyFile } : 'off',
        drain: { delay: '0s' },
      },
      audit: { delivery: 'before-response', chain },
    })
    return [[process.execPath, 'dist/main.js', 'serve', '-c', config]]
  })
}

function startNode(file: string, args: readonly string[]): Promise<Peer> {
  return start(async ({ port }) => [[process.execPath, `bench/contestants/${file}`, String(port), ...args]])
}

/** As long as one of the gateway's. */
export const record = `${'x'.repeat(1_140)}\n`

/** @param port of a gateway, whose answer it is */
export async function bareAnswerOf(port: number, { headers }: BenchWorld): Promise<BareAnswer> {
  const asked = request(`http://127.0.0.1:${port}${sessionPath}`, { headers, agent: false })
  const [response] = (await once(asked.end(), 'response')) as [IncomingMessage]
  return { headers: ownHeadersOf(response), body: await text(response) }
}

/** All but those that Node writes by itself. */
function ownHeadersOf({ rawHeaders }: IncomingMessage): string[] {
  const isNodes = (name: string): boolean => ['date', 'connection', 'keep-alive'].includes(name.toLowerCase())
  return rawHeaders.filter((_, index) => !isNodes(rawHeaders[index - (index % 2)] ?? ''))
}

export function urlOf({ port, isSecure }: Contestant): string {
  return `${isSecure ? 'https' : 'http'}://127.0.0.1:${port}${sessionPath}`
}

async function ask(contestant: Contestant, world: World, headers = world.headers): Promise<IncomingMessage> {
  const url = urlOf(contestant)
  const { emulator } = world
  const asked = contestant.isSecure
    ? secureRequest(url, { headers, ca: emulator.caPem, servername: 'localhost', agent: false })
    : request(url, { headers, agent: false })
  const [response] = (await once(asked.end(), 'response')) as [IncomingMessage]
  return response
}

/** @throws {Error} one of them gives something else than the session, or gives it to somebody whose token is bad */
export async function check(contestants: readonly Contestant[], world: World): Promise<void> {
  const token = await world.token()
  // The last letters of a signature, so that nothing else is wrong with it.
  const authorization = `Bearer ${token.slice(0, -8)}${token.endsWith('AAAAAAAA') ? 'BBBBBBBB' : 'AAAAAAAA'}`
  for (const contestant of contestants) {
    const answer = await ask(contestant, world)
    const body = await text(answer)
    if (answer.statusCode !== 200 || body !== world.body)
      throw new Error(`${contestant.name} gave ${answer.statusCode}: ${body}`)
    if (!contestant.isGuarded) continue
    const refusal = await ask(contestant, world, { authorization })
    refusal.resume()
    if (refusal.statusCode !== 401)
      throw new Error(`${contestant.name} gave ${refusal.statusCode} for a bad token`)
  }
}

/** @throws {Error} those with TLS have not the same version and cipher */
export async function checkCiphers(contestants: readonly Contestant[], world: World): Promise<void> {
  const found = new Set<string>()
  for (const { port } of contestants.filter(({ isSecure }) => isSecure)) {
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: world.emulator.caPem })
    await once(socket, 'secureConnect')
    found.add(`${socket.getProtocol()} ${socket.getCipher().name}`)
    socket.destroy()
  }
  if (found.size !== 1) throw new Error(`they differ: ${[...found].join(', ')}`)
}
