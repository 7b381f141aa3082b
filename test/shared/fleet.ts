/** Replicas: several gateways in front of one emulated Graph, and a real Redis between them. */

import { setTimeout as pause } from 'node:timers/promises'
import { randomBytes } from 'node:crypto'
import type { Emulator } from '../../src/emulator/index.ts'
import { type Redis, startRedis } from '../world/redis.ts'
import { startWorld, type World, type WorldOptions } from '../world/world.ts'

export interface Fleet extends AsyncDisposable {
  readonly redis: Redis
  readonly replicas: readonly World[]
  readonly emulator: Emulator
  /** Calls to Graph so far. */
  readonly calls: number
}

export interface FleetOptions {
  readonly replicas?: number
  /** Of `cache.shared`, besides the URL and the keys. */
  readonly shared?: object
  /** Of `cache`. */
  readonly cache?: object
  /** The rest of the configuration. */
  readonly config?: object
  /** Where this replica finds Redis. */
  readonly urlFor?: (replica: number, url: string) => string
  readonly world?: WorldOptions
}

/** A generous time limit: it is not what these tests are about, and machines can be slow. */
const patient = { timeout: '2s' }

export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const { replicas: count = 2, shared = {}, cache = {}, config = {}, urlFor = (_, url) => url } = options
  await using building = new AsyncDisposableStack()
  const redis = building.use(await startRedis())
  const replicas: World[] = []
  const key = `test ${randomBytes(32).toString('base64')}\n`
  for (let replica = 0; replica < count; replica += 1) {
    const world = await startWorld({
      ...options.world,
      ...(replicas[0] === undefined ? {} : { emulator: replicas[0].emulator }),
      files: { keys: key },
      config: (inFolder) => ({
        ...config,
        cache: {
          jitter: '0%',
          ...cache,
          shared: { url: urlFor(replica, redis.url), keysFile: inFolder('keys'), ...patient, ...shared },
        },
      }),
    })
    replicas.push(building.use(world))
  }
  await Promise.all(replicas.map((world) => untilShared(world)))
  const emulator = replicas[0]?.emulator
  if (emulator === undefined) throw new Error('a fleet of none')
  const fleet = building.move()
  return {
    redis,
    replicas,
    emulator,
    get calls() {
      return emulator.graph.calls
    },
    [Symbol.asyncDispose]: () => fleet.disposeAsync(),
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
