/** Some replicas, each on connections of its own to one Redis, and trips that end when a test says so. */

import type { Answer, Found } from '../../src/cache/index.ts'
import { answer, Failed, type Fetch, notToFetch } from '../cache/answer.ts'
import type { Redis } from '../world/redis.ts'
import {
  createReplica,
  createTime,
  newPrefix,
  pass,
  type Replica,
  type ReplicaOptions,
  settle,
  type Time,
} from './replica.ts'
import { onOneServer } from './way.ts'

export interface Several {
  readonly redis: Redis
  readonly prefix: string
  readonly time: Time
  readonly replicas: readonly [Replica, Replica, Replica]
  /** Another one, as from now on. */
  readonly newcomer: (options?: Partial<ReplicaOptions>) => Promise<Replica>
  readonly settle: () => Promise<void>
  readonly pass: (ms: number) => Promise<void>
  /** Keys of this test in Redis, without the prefix. */
  readonly keys: (pattern?: string) => Promise<string[]>
}

export function onOneRedis(): (
  options?: Partial<ReplicaOptions> | ((index: number) => Partial<ReplicaOptions>),
) => Promise<Several> {
  const server = onOneServer(3)
  return async (options = {}) => {
    const { redis, ways } = server()
    const time = createTime()
    const prefix = newPrefix()
    const all: Replica[] = []
    const newcomer = async (own: Partial<ReplicaOptions> = {}): Promise<Replica> => {
      const index = all.length
      const [way = ways[0]] = ways.slice(index)
      if (way === undefined) throw new Error('no way')
      const replica = createReplica({
        way,
        time,
        prefix,
        ...(typeof options === 'function' ? options(index) : options),
        ...own,
      })
      all.push(replica)
      await settle(...all)
      return replica
    }
    const replicas = [await newcomer(), await newcomer(), await newcomer()] as const
    return {
      redis,
      prefix,
      time,
      replicas: [...replicas],
      newcomer,
      settle: () => settle(...all),
      pass: (ms) => pass(time, ms, ...all),
      async keys(pattern = '*') {
        const found = (await redis.command('KEYS', `${prefix}:${pattern}`)) as string[]
        return found.map((key) => key.slice(prefix.length + 1)).toSorted()
      },
    }
  }
}

/** How a read ended, in a few words. */
export async function said(reading: Promise<Found>): Promise<string> {
  return reading.then(
    ({ how, entry }) => `${how} ${entry.body}`,
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  )
}

/** What a replica has of it without a trip. */
export async function has(replica: Replica, key: string): Promise<string> {
  return replica.read(key, notToFetch, { onlyIfCached: true }).then(
    ({ how, entry }) => `${how} ${entry.body}`,
    () => 'nothing',
  )
}

export interface Held {
  /** To be handed to any number of reads. */
  readonly fetch: Fetch
  /** Trips that have begun and have not ended. */
  readonly underWay: number
  readonly begun: number
  /** Ends the one that began first of those that are under way. */
  lands(body: string, changes?: Partial<Answer>): void
  fails(code: 'broken' | 'refused' | 'shut'): void
}

export function holding({ departs = true } = {}): Held {
  const underWay: PromiseWithResolvers<Answer>[] = []
  let begun = 0
  return {
    fetch(flight) {
      if (departs) flight.departs()
      begun += 1
      const trip = Promise.withResolvers<Answer>()
      underWay.push(trip)
      flight.cancelled.addEventListener('abort', () => {
        underWay.splice(underWay.indexOf(trip), 1)
        trip.reject(flight.cancelled.reason)
      })
      return trip.promise
    },
    get underWay() {
      return underWay.length
    },
    get begun() {
      return begun
    },
    lands: (body, changes) =>
      underWay.shift()?.resolve(answer(body, { trip: { clientRequestId: `trip of ${body}` }, ...changes })),
    fails: (code) => underWay.shift()?.reject(new Failed(code)),
  }
}
