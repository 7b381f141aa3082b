/** What trips bring home in these tests, and a cache to bring it to. */

import {
  type Answer,
  type Cache,
  createCache,
  createMemoryStore,
  createTimeline,
  type Demand,
  type Found,
  type Unchanged,
  type Windows,
} from '../../src/cache/index.ts'
import type { Flight } from '../../src/cache/flights.ts'
import { GatewayError } from '../../src/errors.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'

export function answer(body: string, changes: Partial<Answer> = {}): Answer {
  return { status: 200, headers: [], body, trip: { clientRequestId: 'trip' }, ...changes }
}

/** A caller who never leaves. */
export const stays = new AbortController().signal

export const windows: Windows = {
  freshForMs: 30_000,
  staleWhileRevalidateMs: 60_000,
  staleIfErrorMs: 600_000,
  maxRetentionMs: 3_600_000,
  notFoundForMs: 5_000,
  jitter: 0,
}

/** How Graph may fail: 10 s of rest for the key when it refuses, 1 s when it is broken; 2 s for all of Graph when shut. */
export class Failed extends GatewayError {
  override readonly code: string
  override readonly status = 502
  override readonly allowsLastResort: boolean
  override readonly backOffMs: number | undefined
  override readonly retryAfterMs: number | undefined
  override readonly receivedStatus: number | undefined

  constructor(code: 'broken' | 'refused' | 'shut', receivedStatus?: number) {
    super(code)
    this.code = code
    this.allowsLastResort = code !== 'refused'
    this.backOffMs = { broken: 1_000, refused: 10_000, shut: undefined }[code]
    this.retryAfterMs = code === 'shut' ? 2_000 : undefined
    this.receivedStatus = receivedStatus
  }
}

/** Each resource has two keys here. */
export function relatedTo(key: string): string[] {
  const [resource = ''] = key.split('?')
  return [resource, `${resource}?id`]
}

export type Fetch = (flight: Flight, validator: string | undefined) => Promise<Answer | Unchanged>

export const brings =
  (body: string, changes: Partial<Answer> = {}): Fetch =>
  (flight) => {
    flight.departs()
    return Promise.resolve(answer(body, changes))
  }

export const fails =
  (code: 'broken' | 'refused' | 'shut', receivedStatus?: number): Fetch =>
  (flight) => {
    flight.departs()
    return Promise.reject(new Failed(code, receivedStatus))
  }

/** For what must be answered without a trip. */
export const notToFetch: Fetch = () => Promise.reject(new Error('a trip too many'))

export interface Tried {
  readonly clock: FakeClock
  readonly cache: Cache
  /** What the cache has told of its trips. */
  readonly told: string[]
  readonly read: (key: string, fetch: Fetch, demand?: Demand, leaves?: AbortSignal) => Promise<Found>
}

export interface TryingOptions {
  readonly memoryBytes?: number
  readonly windows?: Partial<Windows>
  readonly random?: () => number
}

export function tryCache(options: TryingOptions = {}): Tried {
  const clock = createFakeClock()
  const told: string[] = []
  const cache = createCache({
    store: createMemoryStore(options.memoryBytes ?? 2 ** 20),
    windows: { ...windows, ...options.windows },
    clock,
    timeline: createTimeline(clock),
    keysOf: relatedTo,
    random: options.random ?? (() => 0),
    observer: {
      refreshed: (isSuccess) => told.push(isSuccess ? 'refreshed' : 'not refreshed'),
      failedBehind: ({ code }) => told.push(`failed behind: ${code}`),
    },
  })
  return {
    clock,
    cache,
    told,
    read: (key, fetch, demand = {}, leaves = stays) => cache.read({ key, demand, leaves, fetch }),
  }
}
