/** Real Redis servers on loopback, of the Debian package, that keep nothing on disk. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Socket, connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Authority } from '../../src/emulator/certificate.ts'
import { ask, type RedisReply } from './redis-wire.ts'
import { freePort } from './free-port.ts'
import { redisServer } from './redis-server.ts'

export interface Redis extends AsyncDisposable {
  /** As the configuration takes it. */
  readonly url: string
  readonly port: number
  readonly pid: number
  /** On a connection of its own, as the user who may do everything. @throws {Error} what Redis answers as an error */
  command(...args: (string | Buffer)[]): Promise<RedisReply>
  /** At once, and nothing is left. */
  kill(): Promise<void>
  /** It stops in the middle of what it does, and its connections stay. */
  stop(): void
  resume(): void
  /** Killed if it runs; empty; on the same port. */
  restart(): Promise<void>
}

export interface RedisOptions {
  /** Of the user `default`. */
  readonly password?: string
  /** TLS only, with a certificate for these names of this authority. */
  readonly tls?: { readonly authority: Authority; readonly names: readonly string[] }
  readonly replicaOf?: { readonly port: number }
  /** More of its configuration: name, value. */
  readonly config?: Readonly<Record<string, string>>
}

export async function startRedis(options: RedisOptions = {}): Promise<Redis> {
  const { password, tls, replicaOf, config = {} } = options
  const program = redisServer() ?? missing()
  const folder = await mkdtemp(join(tmpdir(), 'session-gateway-redis-'))
  const port = await freePort()
  if (tls !== undefined) {
    const { certPem, keyPem } = await tls.authority.issue(tls.names)
    await writeFile(join(folder, 'cert.pem'), certPem)
    await writeFile(join(folder, 'key.pem'), keyPem)
    await writeFile(join(folder, 'ca.pem'), tls.authority.certPem)
  }
  const settings: Record<string, string> = {
    ...(tls === undefined
      ? { port: String(port) }
      : {
          port: '0',
          'tls-port': String(port),
          'tls-cert-file': join(folder, 'cert.pem'),
          'tls-key-file': join(folder, 'key.pem'),
          'tls-ca-cert-file': join(folder, 'ca.pem'),
          'tls-auth-clients': 'no',
          'tls-replication': 'yes',
          'tls-cluster': 'yes',
        }),
    bind: '127.0.0.1',
    dir: folder,
    save: '',
    appendonly: 'no',
    daemonize: 'no',
    ...(password === undefined ? {} : { requirepass: password }),
    ...(replicaOf === undefined
      ? {}
      : { replicaof: `127.0.0.1 ${replicaOf.port}`, 'repl-diskless-sync-delay': '0' }),
    ...config,
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, ...value.split(' ')])
  let child: ChildProcess

  const open = async (): Promise<Socket> => {
    const socket =
      tls === undefined
        ? connectTcp(port, '127.0.0.1')
        : connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false })
    await once(socket, tls === undefined ? 'connect' : 'secureConnect')
    return socket
  }

  async function command(...words: (string | Buffer)[]): Promise<RedisReply> {
    const socket = await open()
    try {
      if (password !== undefined) await ask(socket, ['AUTH', password])
      return await ask(socket, words)
    } finally {
      socket.destroy()
    }
  }

  async function start(): Promise<void> {
    const started = spawn(program, args, { argv0: 'redis-server', stdio: 'ignore' })
    child = started
    await once(started, 'spawn')
    // Also where a test ends the process.
    const end = (): void => void started.kill('SIGKILL')
    process.once('exit', end)
    started.once('exit', () => process.off('exit', end))
    await until(async () => {
      if (started.exitCode !== null) throw new Error(`redis-server ended with ${started.exitCode}`)
      await command('PING')
    })
  }

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  await start()
  return {
    url: `${tls === undefined ? 'redis' : 'rediss'}://127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid ?? 0
    },
    command,
    kill,
    stop: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async restart() {
      await kill()
      await start()
    },
    async [Symbol.asyncDispose]() {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function missing(): never {
  throw new Error('redis-server is missing: apt-get install redis-tools')
}

export interface RedisCluster extends AsyncDisposable {
  readonly urls: readonly string[]
  readonly masters: readonly Redis[]
  /** The replica of each master, if there are any. */
  readonly replicas: readonly Redis[]
}

/** Three masters, with a replica each if told; every slot is served, and every node knows it. */
export async function startCluster(
  options: RedisOptions & { replicas?: boolean } = {},
): Promise<RedisCluster> {
  const { replicas: hasReplicas = false, ...each } = options
  const config = {
    ...each.config,
    'cluster-enabled': 'yes',
    'cluster-node-timeout': '1000',
    'cluster-replica-validity-factor': '0',
    'repl-diskless-sync-delay': '0',
  }
  const started: Redis[] = []
  const stopAll = async (): Promise<void> => {
    await Promise.all(started.map((node) => node[Symbol.asyncDispose]()))
  }
  try {
    for (let node = 0; node < (hasReplicas ? 6 : 3); node += 1) {
      started.push(
        await startRedis({ ...each, config: { ...config, 'cluster-port': String(await freePort()) } }),
      )
    }
    const [masters, replicas] = [started.slice(0, 3), started.slice(3)]
    const [first] = masters
    if (first === undefined) throw new TypeError('no node')
    const bus = Number(((await first.command('CONFIG', 'GET', 'cluster-port')) as string[])[1])
    const slots = Math.ceil(16_384 / masters.length)
    await Promise.all(
      masters.map((node, index) =>
        node.command(
          'CLUSTER',
          'ADDSLOTSRANGE',
          String(index * slots),
          String(Math.min(16_383, (index + 1) * slots - 1)),
        ),
      ),
    )
    for (const [index, node] of started.entries()) {
      await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
      if (node !== first) await node.command('CLUSTER', 'MEET', '127.0.0.1', String(first.port), String(bus))
    }
    await until(() => allSay(started, `cluster_known_nodes:${started.length}`))
    for (const [index, replica] of replicas.entries()) {
      const id = (await masters[index]?.command('CLUSTER', 'MYID')) as string
      await until(() => replica.command('CLUSTER', 'REPLICATE', id))
      await until(async () => {
        const said = String(await replica.command('INFO', 'replication'))
        if (!said.includes('master_link_status:up')) throw new Error(said)
      })
    }
    await until(() => allSay(started, 'cluster_state:ok'))
    return { urls: masters.map(({ url }) => url), masters, replicas, [Symbol.asyncDispose]: stopAll }
  } catch (error) {
    await stopAll()
    throw error
  }
}

async function allSay(nodes: readonly Redis[], line: string): Promise<void> {
  const infos = await Promise.all(nodes.map((node) => node.command('CLUSTER', 'INFO')))
  const other = infos.find((info) => !String(info).split('\r\n').includes(line))
  if (other !== undefined) throw new Error(String(other))
}

/** Asks again until it does not fail, for ten seconds. */
export async function until(attempt: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await attempt()
      return
    } catch (error) {
      if (tries === 400) throw error
      await new Promise((resolve) => void setTimeout(resolve, 25))
    }
  }
}
