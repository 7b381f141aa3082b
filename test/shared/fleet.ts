/** Replicas: several gateways in front of one emulated Graph, and a real Redis between them. */

import { setTimeout as pause } from 'node:timers/promises'
import { randomBytes } from 'node:crypto'
import type { Emulator } from '../../src/emulator/index.ts'
import { type Redis, type RedisOptions, startRedis } from '../world/redis.ts'
import { startWorld, type World, type WorldOptions } from '../world/world.ts'

export interface Replicas extends AsyncDisposable {
  readonly replicas: readonly World[]
  readonly emulator: Emulator
  /** Calls to Graph so far. */
  readonly calls: number
}

export interface Fleet extends Replicas {
  readonly redis: Redis
}

export interface ReplicasOptions {
  readonly replicas?: number
  /** Of `cache`. */
  readonly cache?: object
  /** The rest of the configuration. */
  readonly config?: object
  readonly world?: WorldOptions
}

export interface FleetOptions extends ReplicasOptions {
  /** Of `cache.shared`, besides the URL and the keys. */
  readonly shared?: object
  /** Where this replica finds Redis. */
  readonly urlFor?: (replica: number, url: string) => string | Promise<string>
  readonly redis?: RedisOptions
}

/** A generous time limit: it is not what these tests are about, and machines can be slow. */
const patient = { timeout: '2s' }

export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const { shared = {}, urlFor = (_, url) => url } = options
  await using building = new AsyncDisposableStack()
  const redis = building.use(await startRedis(options.redis))
  const started = building.use(
    await startReplicas(options, async (replica) => ({
      url: await urlFor(replica, redis.url),
      ...patient,
      ...shared,
    })),
  )
  await Promise.all(started.replicas.map((world) => untilShared(world)))
  const fleet = building.move()
  return {
    ...started,
    redis,
    get calls() {
      return started.calls
    },
    [Symbol.asyncDispose]: () => fleet.disposeAsync(),
  }
}

/** @param sharedFor what stands in a replica's `cache.shared`, besides the keys */
export async function startReplicas(
  { replicas: count = 2, cache = {}, config = {}, world: options = {} }: ReplicasOptions,
  sharedFor: (replica: number) => object | Promise<object>,
): Promise<Replicas> {
  await using building = new AsyncDisposableStack()
  const replicas: World[] = []
  const key = `test ${randomBytes(32).toString('base64')}\n`
  for (let replica = 0; replica < count; replica += 1) {
    const shared = await sharedFor(replica)
    const world = await startWorld({
      ...options,
      ...(replicas[0] === undefined ? {} : { emulator: replicas[0].emulator }),
      files: { keys: key },
      config: (inFolder) => ({
        ...config,
        cache: { jitter: '0%', ...cache, shared: { keysFile: inFolder('keys'), ...shared } },
      }),
    })
    replicas.push(building.use(world))
  }
  const emulator = replicas[0]?.emulator
  if (emulator === undefined) throw new Error('a fleet of none')
  const all = building.move()
  return {
    replicas,
    emulator,
    get calls() {
      return emulator.graph.calls
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** Until its gauge says so (1), or that it is away (0): what is waited for is a real answer, not time. */
export async function untilShared(world: World, up: 0 | 1 = 1): Promise<void> {
  for (;;) {
    const { body } = await world.manage('/metrics')
    if (body.includes(`session_gateway_shared_up ${up}\n`)) return
    await pause(5)
  }
}
