/**
 * What is kept of an answer, and for how long it may be used.
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
  readonly trip: { readonly clientRequestId: string; readonly requestId?: string }
}

export interface Entry extends Answer {
  /** Strong (RFC 9110 §8.8.3): it names these bytes. */
  readonly etag: string
  /** Epoch milliseconds. */
  readonly storedAt: number
  /** Epoch milliseconds. */
  readonly freshUntil: number
}

export interface Windows {
  readonly freshForMs: number
  /** For 404 and 410. */
  readonly notFoundForMs: number
}

export function createEntry(answer: Answer, now: number, windows: Windows): Entry {
  return {
    ...answer,
    etag: `"${hash('sha256', Buffer.from(answer.body, 'latin1'), 'base64url').slice(0, 27)}"`,
    storedAt: now,
    freshUntil: now + (answer.status === 200 ? windows.freshForMs : windows.notFoundForMs),
  }
}

export function isFresh(entry: Entry, now: number): boolean {
  // An entry from the future is one from before somebody set the clock back.
  return entry.storedAt <= now && now < entry.freshUntil
}
