/**
 * Entries as the cache holds them, of sessions that nobody has asked Graph for: a million trips would take half an hour.
 *
 * @module
 */

import { createEntry } from '../../src/cache/entry.ts'
import type { Store } from '../../src/cache/memory.ts'

/**
 * As Graph sends them, and shared, as `graph/response.ts` does it for as long as Graph sends the same ones. Their text is counted
 * for every entry nevertheless: where they alternate each entry has its own, and takes a good third more.
 */
const headers = [
  [
    'content-type',
    'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8',
  ],
  ['odata-version', '4.0'],
] as const
const days = 24 * 60 * 60 * 1_000
const windows = {
  freshForMs: 30 * days,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
  maxRetentionMs: 30 * days,
  notFoundForMs: 0,
  jitter: 0,
}

/** The id of the nth session. */
export function sessionIdOf(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
}

/** The nth session, in 304 bytes. */
export function bodyOf(n: number): string {
  return JSON.stringify({ id: sessionIdOf(n), displayName: 'x'.repeat(304 - 58) })
}

/** So many sessions, the last one used most recently. */
export function fill(store: Store, count: number): void {
  for (let n = 0; n < count; n += 1) {
    const entry = createEntry(
      {
        status: 200,
        headers,
        body: fresh(bodyOf(n)),
        trip: {
          clientRequestId: fresh(sessionIdOf(n + count)),
          requestId: fresh(sessionIdOf(n + 2 * count)),
        },
      },
      { now: 0, askedAt: 0, generation: 0, windows, random: () => 0 },
    )
    store.set(fresh(`default/${sessionIdOf(n)}`), entry)
  }
}

/** A string of its own and in one piece, as one is that was read from a socket or written to one. */
function fresh(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
