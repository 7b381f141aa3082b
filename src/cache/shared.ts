/**
 * What replicas share, as the cache sees it: a second tier behind its memory, and one trip among all of them.
 *
 * Nothing here fails because the tier is away, or takes longer than the operator allows: then it has nothing, and every
 * replica is on its own.
 *
 * @module
 */

import type { Entry } from './entry.ts'
import type { Scope } from './purges.ts'

export interface SharedTier {
  /**
   * What was asked for before this instant is given only when the origin fails: it may have been purged since, without
   * our having heard of it.
   *
   * @param now on the cache's timeline
   */
  vouchedSince(now: number): number
  /** Its instants are of this cache's timeline; it seems older than it is rather than younger. */
  get(key: string): Promise<Entry | undefined>
  delete(keys: readonly string[]): void
  /**
   * Asks to make a trip for all replicas; while another one makes it, waits for what that brings.
   *
   * @throws {FailedElsewhere} what that has brought is a failure; the signal's reason, once it aborts
   */
  claim(key: string, claiming: Claiming): Promise<Claim>
  /** @throws {PurgeNotShared} some may not have heard of it yet; they will */
  purge(scope: Scope): Promise<void>
  /** Calls this for each purge that another replica was asked for. */
  onPurge(listener: (scope: Scope) => void): void
}

export interface Claiming {
  /** What is kept here: only something newer will do instead of a trip. */
  readonly held: Entry | undefined
  /** Neither what is kept nor what another trip brings will do. */
  readonly isOvertaking: boolean
  /** How long whoever asks has waited for the tier already: what it may take, it may take in all. */
  readonly waitedMs: number
  readonly cancelled: AbortSignal
}

export type Claim =
  /** Another replica's trip has brought this. */
  { readonly brought: Entry } | Lead

/** The trip is ours to make. Exactly one outcome must be reported. */
export interface Lead {
  /** What the tier has, though it will not do. */
  readonly held: Entry | undefined
  /**
   * Shares what the trip has brought.
   *
   * @returns `false`: another one has taken its place, and this is an earlier answer than what that brings
   */
  lands(entry: Entry): Promise<boolean>
  /** Tells those who wait, where it says something of what they ask; otherwise they make the trip themselves. */
  fails(error: unknown): void
}

/** Nobody else is asked or told. */
export const alone: Lead = { held: undefined, lands: () => Promise.resolve(true), fails() {} }
