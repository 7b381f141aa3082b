/**
 * What is kept of an answer, and until when it may be used for what.
 *
 * This is an operator-policy application cache: Graph states no freshness for sessions, and the caller's credential
 * ends at the gateway, so the rules for caches that forward credentials (RFC 9111 §3.5) are not its rules.
 *
 * @module
 */

import { hash } from 'node:crypto'

/** What a trip brings home, in the terms of HTTP. */
export interface Answer {
  readonly status: 200 | 404 | 410
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** The exact bytes, one character each (latin1): half of what a `Buffer` costs at this size. */
  readonly body: string
  readonly errorCode?: string
  /** The origin's entity tag, to ask with whether this still holds. */
  readonly validator?: string
  readonly trip: Trip
}

/** The trip has learnt that what is held still holds (RFC 9111 §4.3.4). */
export interface Unchanged {
  readonly status: 304
  readonly trip: Trip
}

export interface Trip {
  readonly clientRequestId: string
  readonly requestId?: string
}

/** Its instants are of the cache's timeline: `storedAt ≤ freshUntil ≤ revalidateUntil ≤ errorUntil`. */
export interface Entry extends Answer {
  /** Strong (RFC 9110 §8.8.3): it names these bytes. */
  readonly etag: string
  /** The purges that had been when its trip departed: a later one reaches it. */
  readonly generation: number
  /** When its trip departed; of what is shared, until when it is known not to have been purged. A later purge may not have reached it. */
  readonly askedAt: number
  readonly storedAt: number
  readonly freshUntil: number
  /** Until then it may be given while it is being refreshed. */
  readonly revalidateUntil: number
  /** Until then it may be given when the origin fails. */
  readonly errorUntil: number
}

/** For how long, in milliseconds; the stale windows count from the end of freshness. */
export interface Windows {
  readonly freshForMs: number
  readonly staleWhileRevalidateMs: number
  readonly staleIfErrorMs: number
  /** Nothing is used beyond this age, whatever the other windows say. */
  readonly maxRetentionMs: number
  /** For 404 and 410, which are never given stale. */
  readonly notFoundForMs: number
  /** 0 ≤ n < 1: by up to this share an entry is fresh for less, so that what came together does not end together. */
  readonly jitter: number
}

export interface Making {
  readonly now: number
  readonly askedAt: number
  readonly generation: number
  readonly windows: Windows
  /** 0 ≤ n < 1. */
  readonly random: () => number
}

export function createEntry(answer: Answer, making: Making): Entry {
  return { ...answer, etag: etagOf(answer.body), ...instants(answer.status, making) }
}

/** The same answer, as new as the trip that has confirmed it. */
export function renewEntry(entry: Entry, { trip }: Unchanged, making: Making): Entry {
  return { ...entry, trip, ...instants(entry.status, making) }
}

type Instants = Omit<Entry, keyof Answer | 'etag'>

function instants(status: Answer['status'], { now, askedAt, generation, windows, random }: Making): Instants {
  const isFound = status === 200
  const longestMs = isFound ? windows.freshForMs : windows.notFoundForMs
  const freshForMs = Math.floor(longestMs * (1 - windows.jitter * random()))
  const until = (ms: number): number => now + Math.min(ms, windows.maxRetentionMs)
  return {
    generation,
    askedAt,
    storedAt: now,
    freshUntil: until(freshForMs),
    revalidateUntil: until(freshForMs + (isFound ? windows.staleWhileRevalidateMs : 0)),
    errorUntil: until(freshForMs + (isFound ? windows.staleIfErrorMs : 0)),
  }
}

function etagOf(body: string): string {
  const digest = hash('sha256', Buffer.from(body, 'latin1'), 'base64url').slice(0, 27)
  // Through bytes, or the engine would keep the pieces it was put together from.
  return Buffer.from(`"${digest}"`, 'latin1').toString('latin1')
}

export type Freshness = 'fresh' | 'stale' | 'lastResort' | 'spent'

/**
 * What an entry may still be used for.
 *
 * @param now on the cache's timeline
 * @returns `fresh`; `stale` (answer now, refresh behind: RFC 5861 §3); `lastResort` (only when the origin fails:
 *   RFC 5861 §4); or `spent`
 */
export function freshness(entry: Entry, now: number): Freshness {
  if (now < entry.freshUntil) return 'fresh'
  if (now < entry.revalidateUntil) return 'stale'
  if (now < entry.errorUntil) return 'lastResort'
  return 'spent'
}
