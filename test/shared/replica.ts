/**
 * A cache with a tier on a real Redis, where time passes only as a test has it pass: on its own clock, and for Redis. What
 * a script takes for the server's time is the test's.
 */

import { createSecretKey, randomBytes } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import {
  type Cache,
  createCache,
  createMemoryStore,
  createTimeline,
  type Demand,
  type Found,
  type Store,
  type Windows,
} from '../../src/cache/index.ts'
import type { Connection } from '../../src/shared/connection.ts'
import { createSealing, createTier, type Key, type Keys, type Tier } from '../../src/shared/index.ts'
import { type Script, script } from '../../src/shared/script.ts'
import * as scripts from '../../src/shared/scripts.ts'
import { type Fetch, relatedTo, stays, windows } from '../cache/answer.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { tell, type Way } from './way.ts'

/** One time for all: the server's. Every clock of a test moves with it. */
export interface Time {
  readonly now: () => number
  readonly clocks: FakeClock[]
}

export function createTime(): Time {
  // Keys end by the server's real clock: it must not overtake a time that stands still.
  const clock = createFakeClock(Date.now() + 3_600_000)
  return { now: () => clock.now(), clocks: [clock] }
}

export interface Replica {
  readonly cache: Cache
  readonly tier: Tier
  readonly clock: FakeClock
  readonly timeline: () => number
  readonly way: Way
  readonly prefix: string
  /** How trips came about, what was refused, what is heard of the gate and of purges, in its words. */
  readonly told: string[]
  readonly read: (key: string, fetch: Fetch, demand?: Demand, leaves?: AbortSignal) => Promise<Found>
  /** How often Redis has been asked for anything. */
  readonly asked: number
  readonly onItsWay: number
  /** From now on nothing is answered, and nothing is heard. */
  cut(): void
  mend(): void
  /** From now on what is asked is done, and no answer arrives. */
  deafen(): void
}

export interface ReplicaOptions {
  readonly way: Way
  readonly time: Time
  readonly prefix: string
  readonly realm?: string
  readonly keys?: () => Keys
  readonly store?: Store
  readonly windows?: Partial<Windows>
  readonly maxRetentionMs?: number
  readonly random?: () => number
  readonly keysOf?: (resource: string) => string[]
  /** Leases end by the server's own clock, as they really do. */
  readonly hasRealLeases?: boolean
}

export const memory = (): Store => createMemoryStore(2 ** 20)

/** Keeps nothing: whatever is found is found in Redis. */
export const noMemory: Store = {
  get: () => undefined,
  set() {},
  delete() {},
  sweep: () => true,
  entries: 0,
  bytes: 0,
  evicted: 0,
}

export function newKey(id: string): Key {
  return { id, master: createSecretKey(randomBytes(32)) }
}

const common = newKey('common')
export const commonKeys: Keys = { writing: common, readable: [common] }

/** Leases end by the server's real clock, and here time stands still between steps: they must not. */
const leaseMs = String(60 * 60_000)

function clocked({ source }: Script): Script {
  const [ms, of] = ['ARGV[#ARGV]', "redis.call('TIME')"]
  return script(source.replace(of, `{ math.floor(${ms} / 1000), (${ms} % 1000) * 1000 }`))
}
const clockedScripts = new Map(
  Object.values(scripts).flatMap((each) => (typeof each === 'string' ? [] : [[each, clocked(each)]])),
)

export function createReplica(options: ReplicaOptions): Replica {
  const { way, time, prefix, keys = () => commonKeys, store = memory(), random = () => 0 } = options
  const clock = createFakeClock()
  time.clocks.push(clock)
  const told: string[] = []
  const onItsWay = new Set<Promise<unknown>>()
  let asked = 0
  let isCut = false
  let isDeaf = false
  const count = <T>(asking: Promise<T>): Promise<T> => {
    asked += 1
    onItsWay.add(asking)
    const end = (): void => void onItsWay.delete(asking)
    asking.then(end, end)
    return asking
  }
  const connection: Connection = {
    isReady: true,
    run(asks, names, args) {
      if (isCut) return Promise.reject(new Error('cut off'))
      const lasting = options.hasRealLeases !== true && (asks === scripts.claim || asks === scripts.renew)
      const values = args.map((value, at) => (lasting && at === 1 ? leaseMs : value))
      const running = way.connection.run(clockedScripts.get(asks) ?? asks, names, [
        ...values,
        String(time.now()),
      ])
      return count(isDeaf ? running.then(() => Promise.reject(new Error('lost'))) : running)
    },
    subscribe: (channel, heard) =>
      count(
        way.connection.subscribe(channel, (message) => {
          if (!isCut) heard(message)
        }),
      ),
    onReady: (listener) => queueMicrotask(listener),
    close: () => Promise.resolve(),
  }
  const timeline = createTimeline(clock)
  const tier = createTier({
    connection,
    sealing: createSealing(keys),
    prefix,
    realm: options.realm ?? 'test',
    timeoutMs: 10_000,
    maxRetentionMs: options.maxRetentionMs ?? windows.maxRetentionMs,
    patienceMs: 60 * 60_000,
    keysOf: options.keysOf ?? relatedTo,
    clock,
    timeline,
    observer: {
      asked() {},
      changed: (why) => void told.push(why === undefined ? 'up' : 'down'),
      refused: (why) => void told.push(`refused: ${why}`),
      claimed: (how) => void told.push(how),
    },
  })
  tier.onPurge((scope) => void told.push(`purged: ${JSON.stringify(scope)}`))
  tier.onGateShut((forMs) => void told.push(`shut for ${forMs}`))
  const cache = createCache({
    store,
    shared: tier,
    windows: { ...windows, ...options.windows },
    clock,
    timeline,
    random,
    keysOf: options.keysOf ?? relatedTo,
    observer: { refreshed() {}, failedBehind() {} },
  })
  return {
    cache,
    tier,
    clock,
    timeline,
    way,
    prefix,
    told,
    read: (key, fetch, demand = {}, leaves = stays) => cache.read({ key, demand, leaves, fetch }),
    get asked() {
      return asked
    },
    get onItsWay() {
      return onItsWay.size
    },
    cut: () => void (isCut = true),
    mend: () => void (isCut = false),
    deafen: () => void (isDeaf = true),
  }
}

/**
 * Until nothing is on its way to or from Redis, and nothing has been asked because of what came. It cannot end too early:
 * what has been answered is seen before the next turn, and what has been published before the marker comes before it.
 */
export async function settle(...replicas: Replica[]): Promise<void> {
  const asked = (): number => replicas.reduce((sum, each) => sum + each.asked, 0)
  const onItsWay = (): number => replicas.reduce((sum, each) => sum + each.onItsWay, 0)
  await turn()
  for (;;) {
    const before = asked()
    await Promise.all([...new Set(replicas.map(({ way }) => way))].map((way) => way.heard()))
    await turn()
    if (asked() === before && onItsWay() === 0) return
  }
}

/** So short that a question that falls due on the way is answered in time. */
const longestStepMs = 500

/** Time passes, for Redis, too; whatever falls due is done. */
export async function pass(time: Time, ms: number, ...replicas: Replica[]): Promise<void> {
  for (let left = ms; left > 0; left -= longestStepMs) {
    for (const clock of time.clocks) clock.advance(Math.min(left, longestStepMs))
    await settle(...replicas)
  }
}

/** There is news: whoever is in touch asks. */
export async function nudge({ way, prefix }: Replica): Promise<void> {
  await way.connection.run(tell, [`${prefix}:{log}:purges`], [''])
}

let prefixes = 0
/** Where nothing is yet. */
export function newPrefix(): string {
  prefixes += 1
  return `test${prefixes}`
}
