/**
 * One trip per key among all replicas: whoever has the lease makes it, the others wait for word of it.
 *
 * A lease lasts two seconds and is renewed while its trip is under way, so a replica that has died costs the others that
 * long at most. Who has lost the lease stores nothing: another one's trip counts now.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { alone, type Claim, type Claiming, FailedElsewhere, type Lead, tellable } from '../cache/index.ts'
import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import { type Asking, type Told, toShared } from './asking.ts'
import type { Connection } from './connection.ts'
import type { Entries } from './entries.ts'
import { createInbox, type Inbox } from './inbox.ts'
import type { PurgeLog } from './purge-log.ts'
import * as scripts from './scripts.ts'
import { messageFrom, messageOn } from './told-failure.ts'
import type { Sealing } from './sealing.ts'
import type { Touch } from './touch.ts'

export interface LeasesOptions {
  readonly connection: Connection
  readonly asking: Asking
  readonly touch: Touch
  readonly log: PurgeLog
  readonly entries: Entries
  readonly sealing: Sealing
  /** Where the entry of a cache key may be; first of all, where whoever writes keeps it. */
  readonly namesOf: (key: string) => readonly string[]
  readonly clock: Clock
  readonly timeline: () => number
  readonly timeoutMs: number
  /** How long others' trips are waited for in all. */
  readonly patienceMs: number
  /** How a trip came about. */
  readonly claimed: (how: 'led' | 'followed' | 'alone') => void
}

const leaseMs = 2_000
const renewEveryMs = leaseMs / 3
/** How much earlier than it was a failure may seem. */
const leewayMs = 1_000
/** Who waits looks this often whether Redis is still there. */
const lookEveryMs = 250

export interface Leases {
  /** See `SharedTier`. */
  claim(key: string, claiming: Claiming): Promise<Claim>
  /** Leaves every trip that is under way to the others. */
  close(): void
}

export function createLeases(options: LeasesOptions): Leases {
  const { connection, asking, touch, log, entries, sealing, namesOf, clock, timeline, timeoutMs } = options

  const held = new Set<Lead>()

  async function claim(key: string, claiming: Claiming): Promise<Claim> {
    const { held: near, isOvertaking, cancelled } = claiming
    const [name = '', ...otherNames] = namesOf(key)
    const leaseName = `${name}:lease`
    const until = timeline() + options.patienceMs
    const purgedBefore = log.reaching(key)
    // A trip that a purge has overtaken is of use to those who wait for it alone: it must not keep others from a new one.
    const counts = (): boolean => !touch.isUnheard(key) && log.reaching(key) === purgedBefore
    let inbox: Inbox | undefined
    /** By Redis' clock: what has failed before says nothing of the trip that is waited for. */
    let claimedAt: number | undefined
    try {
      while (touch.isKept && timeline() < until && counts()) {
        cancelled.throwIfAborted()
        const { number } = log
        const holder = `${number} ${randomUUID()}`
        const args = [holder, String(leaseMs), String(purgedBefore), isOvertaking ? '1' : '0']
        const leftMs = inbox === undefined ? timeoutMs - claiming.waitedMs : timeoutMs
        const isSent = asking.isUp && leftMs > 0
        const told = await asking.ask('claim', scripts.claim, [name, leaseName], args, leftMs)
        if (told === undefined) {
          // It may be ours all the same, and nobody would know: the others need not wait for it.
          if (isSent) release({ leaseName, holder }, nothing)
          break
        }
        claimedAt ??= told.now
        const [value, lastsMs] = told.values
        const found = entries.read(key, value, told)
        const lease = lastsMs === 0 ? { key, name, otherNames, leaseName, holder, number, told } : undefined
        if (!isOvertaking && isNews(found)) {
          if (lease !== undefined) release(lease, nothing)
          options.claimed('followed')
          return { brought: found }
        }
        if (lease !== undefined) {
          // It may have been called off while the answer was on its way.
          if (cancelled.aborted) release(lease, nothing)
          cancelled.throwIfAborted()
          options.claimed('led')
          return lead(lease, found)
        }
        if (inbox === undefined) {
          inbox = await createInbox(connection, leaseName, { clock, withinMs: timeoutMs })
          // It may have come back before anybody listened.
          if (inbox !== undefined) continue
          break
        }
        const message = await inbox.next(Math.min(lookEveryMs, Number(lastsMs)), { cancelled, asking })
        const failed = message && messageFrom(message, leaseName, sealing)
        if (failed !== undefined && failed.at >= claimedAt - leewayMs)
          throw new FailedElsewhere(failed.failure)
      }
      options.claimed('alone')
      return alone
    } finally {
      inbox?.close()
    }

    function isNews(found: typeof near): found is NonNullable<typeof near> {
      if (found === undefined || timeline() >= found.freshUntil) return false
      if (near === undefined) return true
      return found.storedAt > near.storedAt && found.trip.clientRequestId !== near.trip.clientRequestId
    }
  }

  function lead(lease: Lease, found: Lead['held']): Lead {
    const { key, name, otherNames, leaseName, holder, number, told } = lease
    let cancelRenewal = (): void => {}
    const renewLater = (): void => {
      cancelRenewal = clock.after(renewEveryMs, () => {
        void asking.ask('renew', scripts.renew, [leaseName], [holder, String(leaseMs)])
        renewLater()
      })
    }
    renewLater()
    const end = (): boolean => {
      cancelRenewal()
      return held.delete(leading)
    }
    const leading: Lead = {
      held: found,
      async lands(entry) {
        if (!end()) return true
        const { value, storedAt, spentAt } = entries.write(key, entry, told, number)
        const isGone = entry.status === 200 ? '0' : '1'
        const args = [holder, value, String(spentAt), isGone, String(storedAt)]
        // Or what is there would come back once this one is spent.
        if (entry.status !== 200)
          for (const other of otherNames) void asking.ask('drop', scripts.drop, [other], [])
        const landed = await asking.tell('land', scripts.land, [name, leaseName], args)
        return landed?.values[0] !== 0
      },
      fails(error) {
        if (!end()) return
        // What says how long not to ask for this says something of what is asked for, whoever asks.
        const isOfWhatIsAsked = error instanceof GatewayError && error.backOffMs !== undefined
        if (!isOfWhatIsAsked) return release(lease, nothing)
        const at = toShared(told, timeline())
        release(lease, messageOn({ failure: tellable(error), at }, leaseName, sealing))
      },
    }
    held.add(leading)
    return leading
  }

  function release({ leaseName, holder }: Pick<Lease, 'leaseName' | 'holder'>, message: Buffer | ''): void {
    void asking.tell('release', scripts.release, [leaseName], [holder, message])
  }

  return {
    claim,
    close() {
      for (const leading of held) leading.fails(undefined)
    },
  }
}

interface Lease {
  readonly key: string
  readonly name: string
  /** Where an earlier key keeps it, while keys are rotated. */
  readonly otherNames: readonly string[]
  readonly leaseName: string
  readonly holder: string
  /** The highest of a purge that was known when it was claimed. */
  readonly number: number
  readonly told: Told
}

/** Who waits looks for themselves. */
const nothing = ''
