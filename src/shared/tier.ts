/**
 * The tier that replicas share, on Redis or Valkey.
 *
 * @module
 */

import type { Entry, SharedTier } from '../cache/index.ts'
import type { Clock } from '../clock.ts'
import { type AskingObserver, createAsking } from './asking.ts'
import type { Connection } from './connection.ts'
import { createEntries } from './entries.ts'
import { createLeases } from './leases.ts'
import { createPurgeLog } from './purge-log.ts'
import * as scripts from './scripts.ts'
import type { Sealing } from './sealing.ts'
import { createTouch } from './touch.ts'

export interface Tier extends SharedTier {
  /** Whether Redis is there, and in time. */
  readonly isUp: boolean
  /** Graph has asked this application to wait. */
  shutGate(forMs: number): void
  /** Another replica was asked to. */
  onGateShut(listener: (forMs: number) => void): void
  close(): Promise<void>
}

export interface TierOptions {
  readonly connection: Connection
  readonly sealing: Sealing
  readonly prefix: string
  /** What is asked of whom, as whom: only replicas that agree on it share anything. */
  readonly realm: string
  readonly timeoutMs: number
  readonly maxRetentionMs: number
  /** How long another replica's trip is waited for at most. */
  readonly patienceMs: number
  /** Every key of a resource (`Scope`). */
  readonly keysOf: (resource: string) => readonly string[]
  readonly clock: Clock
  /** The cache's. */
  readonly timeline: () => number
  readonly observer: TierObserver
}

export interface TierObserver extends AskingObserver {
  /** A value that was not written by a replica of ours for where it was found. */
  refused(why: string): void
  /** How a trip came about. */
  claimed(how: 'led' | 'followed' | 'alone'): void
}

/** Of the form of entries and leases: replicas of another one neither read nor wait for them. */
const version = 1

export function createTier(options: TierOptions): Tier {
  const { connection, sealing, prefix, realm, keysOf, observer } = options
  const asking = createAsking(options)
  const log = createPurgeLog()
  const touch = createTouch({ ...options, asking, log, refused: (why) => observer.refused(why) })
  const entries = createEntries({ ...options, log, touch, refused: (why) => observer.refused(why) })
  /** In braces, so that an entry and its lease are on the same node of a cluster. */
  const namesOf = (key: string): string[] =>
    sealing.names(`${realm} ${key}`).map((name) => `${prefix}:${version}:{${name}}`)
  const leases = createLeases({
    ...options,
    asking,
    touch,
    log,
    entries,
    namesOf,
    claimed: (how) => observer.claimed(how),
  })

  async function read(key: string, name: string): Promise<Entry | undefined> {
    const told = await asking.ask('get', scripts.get, [name], [])
    return told && entries.read(key, told.values[0], told)
  }

  function drop(keys: readonly string[]): void {
    for (const name of keys.flatMap(namesOf)) void asking.ask('drop', scripts.drop, [name], [])
  }

  return {
    vouchedSince: (now) => touch.vouchedSince(now),
    async get(key) {
      if (!touch.isKept || touch.isUnheard(key)) return undefined
      const found = await Promise.all(namesOf(key).map((name) => read(key, name)))
      return found
        .filter((entry) => entry !== undefined)
        .toSorted((one, other) => other.storedAt - one.storedAt)[0]
    },
    delete: drop,
    claim: (key, claiming) => leases.claim(key, claiming),
    async purge(scope) {
      // Its number is what counts; they are deleted so that nothing lies about.
      if (typeof scope === 'object' && 'resource' in scope) drop(keysOf(scope.resource))
      await touch.purge(scope)
    },
    onPurge: (listener) => touch.onPurge(listener),
    get isUp() {
      return asking.isUp
    },
    shutGate: (forMs) => void touch.shutGate(forMs),
    onGateShut: (listener) => touch.onGateShut(listener),
    async close() {
      touch.close()
      leases.close()
      await asking.settled()
      await connection.close()
    },
  }
}
