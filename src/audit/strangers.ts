/**
 * Refusals of nobody in particular: requests that were refused before anyone was identified. Whoever can connect can
 * make as many as they like, so alike ones of one second are one record, with a count.
 *
 * @module
 */

import type { Clock } from '../clock.ts'
import type { AuditRecord } from './facts.ts'

export interface Strangers {
  note(record: AuditRecord): void
  /** Hands over what has been noted, now. */
  settle(): void
}

export interface StrangersOptions {
  readonly clock: Clock
  /** @returns whether it was taken; what was not is offered again a second later */
  readonly handOver: (record: AuditRecord) => boolean
}

interface Group {
  readonly first: AuditRecord
  count: number
  until: number
}

const windowMs = 1_000
/** A reason may quote what a stranger has sent, so one peer can think up as many as it likes. */
const mostReasonsOfAPeer = 8
const mostPeers = 1_000

export function createStrangers({ clock, handOver }: StrangersOptions): Strangers {
  /** By peer, then by what they were refused for. */
  const peers = new Map<string | undefined, Map<string, Group>>()
  let isWaiting = false

  function settle(): void {
    for (const [peer, groups] of peers) {
      for (const [key, { first, count, until }] of groups) {
        const repeated = { count, from: first.time, until }
        if (!handOver(count === 1 ? first : { ...first, repeated })) return
        groups.delete(key)
      }
      peers.delete(peer)
    }
  }

  function wait(): void {
    if (isWaiting) return
    isWaiting = true
    clock.after(windowMs, () => {
      isWaiting = false
      settle()
      if (peers.size > 0) wait()
    })
  }

  function add(groups: Map<string, Group>, record: AuditRecord, most: number): void {
    const { action, status, refusal } = record
    const key = JSON.stringify([action, status, refusal?.code, refusal?.reason])
    const known = groups.get(key)
    if (known !== undefined) {
      known.count += 1
      known.until = Math.max(known.until, record.time)
    } else if (groups.size < most) {
      groups.set(key, { first: record, count: 1, until: record.time })
    } else {
      const several = refusal && { code: refusal.code, reason: 'for several reasons' }
      add(groups, { ...record, refusal: several }, Infinity)
    }
  }

  return {
    note(record) {
      const isRoom = peers.has(record.peer.ip) || peers.size < mostPeers
      const noted = isRoom ? record : { ...record, peer: {} }
      const groups = peers.get(noted.peer.ip) ?? new Map<string, Group>()
      peers.set(noted.peer.ip, groups)
      add(groups, noted, mostReasonsOfAPeer)
      wait()
    },
    settle,
  }
}
