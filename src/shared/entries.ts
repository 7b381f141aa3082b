/**
 * An entry as it is shared: sealed, with its instants by Redis' clock. It says by which number its writer knew of purges.
 *
 * @module
 */

import type { Entry } from '../cache/index.ts'
import { fromShared, type Told, toShared } from './asking.ts'
import type { PurgeLog } from './purge-log.ts'
import type { Sealing } from './sealing.ts'
import type { Touch } from './touch.ts'

export interface Entries {
  /**
   * @param told by whom the clock is known
   * @param number the highest that was known when its trip departed
   */
  write(key: string, entry: Entry, told: Told, number: number): Written
  /** @returns `undefined` for what is not there, was not written for this key, is spent or has been purged */
  read(key: string, value: unknown, told: Told): Entry | undefined
}

export interface Written {
  readonly value: Buffer
  /** By Redis' clock, in epoch ms. */
  readonly storedAt: number
  /** When it is spent: likewise. */
  readonly spentAt: number
}

export interface EntriesOptions {
  readonly sealing: Sealing
  readonly log: PurgeLog
  readonly touch: Pick<Touch, 'heardAt'>
  /** See `Tier`. */
  readonly realm: string
  /** Nothing is used beyond this age here, whatever its writer allowed. */
  readonly maxRetentionMs: number
  /** @param why `key`, `altered`, `version`: see `Sealing`; `form`: it says what this program does not know */
  readonly refused: (why: string) => void
}

const newline = 0x0a

export function createEntries({
  sealing,
  log,
  touch,
  realm,
  maxRetentionMs,
  refused,
}: EntriesOptions): Entries {
  const about = (key: string): string => `${realm} ${key}`

  return {
    write(key, { body, generation: _ours, ...entry }, told, number) {
      const instants = {
        askedAt: toShared(told, entry.askedAt),
        storedAt: toShared(told, entry.storedAt),
        freshUntil: toShared(told, entry.freshUntil),
        revalidateUntil: toShared(told, entry.revalidateUntil),
        errorUntil: toShared(told, entry.errorUntil),
      }
      const head = JSON.stringify({ ...entry, ...instants, number })
      const plain = Buffer.concat([Buffer.from(`${head}\n`), Buffer.from(body, 'latin1')])
      return {
        value: sealing.seal(plain, about(key)),
        storedAt: instants.storedAt,
        spentAt: instants.errorUntil,
      }
    },
    read(key, value, told) {
      if (!Buffer.isBuffer(value)) return undefined
      const opened = sealing.open(value, about(key))
      if ('refused' in opened) {
        refused(opened.refused)
        return undefined
      }
      const parsed = parse(opened.plain)
      if (parsed === undefined) {
        refused('form')
        return undefined
      }
      const { number, ...entry } = parsed
      if (number < log.reaching(key)) return undefined
      const storedAt = fromShared(told, entry.storedAt)
      const until = (instant: number): number =>
        Math.min(fromShared(told, instant), storedAt + maxRetentionMs)
      const errorUntil = until(entry.errorUntil)
      if (errorUntil <= told.receivedAt) return undefined
      // A clock has been set meanwhile, and how old it is nobody knows.
      if (storedAt > told.receivedAt) return undefined
      return {
        ...entry,
        generation: 0,
        // What has been purged since it was asked for, this replica knows up to then, and it has not been.
        askedAt: Math.max(fromShared(told, entry.askedAt), touch.heardAt),
        storedAt,
        freshUntil: until(entry.freshUntil),
        revalidateUntil: until(entry.revalidateUntil),
        errorUntil,
      }
    },
  }
}

type Shared = Omit<Entry, 'generation'> & { readonly number: number }

function parse(plain: Buffer): Shared | undefined {
  const headEnds = plain.indexOf(newline)
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is authentic: a replica of this version wrote it
    const head = JSON.parse(plain.toString('utf8', 0, headEnds)) as Omit<Shared, 'body'>
    return { ...head, body: plain.toString('latin1', headEnds + 1) }
  } catch {
    return undefined
  }
}
