/**
 * The trail: the record of an answer is handed over before the answer leaves.
 *
 * What cannot be recorded is not answered: it gets a quick 503, and what was refused so is counted and recorded when the
 * sink takes records again. With `best-effort` answers do not wait; then it is the records that are lost, and counted.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { type Chain, closeLine, type Link } from './chain.ts'
import { createCommit, type Waiter } from './commit.ts'
import { AuditUnavailable } from './errors.ts'
import type { AuditRecord } from './facts.ts'
import { longestRecord, type OpenLine, type RecordFormat, type TrailEvent } from './record.ts'
import type { Sink } from './sink.ts'
import { createStrangers } from './strangers.ts'

export interface Trail {
  /** Begins the chain, where there is one. The first record does so, too. */
  open(): void
  /**
   * Before anything is done for a request: would its record be taken?
   *
   * @throws {AuditUnavailable}
   */
  admit(): void
  /** The same question, with no more than an answer. */
  readonly admits: boolean
  /** Hands a record over: the waiter is told when its answer may leave, be it at once, or why it may not. */
  hand(record: AuditRecord, waiter: Waiter): void
  /**
   * The same for one who can wait for a promise.
   *
   * @returns resolves when the answer may leave
   * @throws {AuditUnavailable}
   */
  record(record: AuditRecord): Promise<void>
  /** What became of an answer after its record, or what was done without one. Nobody waits for it. */
  amend(record: AuditRecord): void
  /** What is wrong, if anything; answers may leave all the same where delivery is `best-effort`. */
  readonly problem: string | undefined
  /** Bytes gathered or being written. */
  readonly pendingBytes: number
  /** Records that the sink has taken. */
  readonly taken: number
  /** Resolves once the sink is gone for good, with what was wrong. */
  readonly gone: Promise<string>
  reopen(): Promise<void>
  /** Resolves once everything so far has been taken; ends the chain with `chain.close`. */
  close(): Promise<void>
}

export interface TrailOptions {
  readonly sink: Sink
  readonly format: RecordFormat
  readonly chain?: Chain | undefined
  /** Where an earlier chain in the same place ended, and what had to be cut off there. */
  readonly previous?: Link | undefined
  readonly cutBytes?: number
  readonly delivery: 'before-response' | 'best-effort'
  /** Records that wait for the sink, in bytes. */
  readonly maxPendingBytes: number
  readonly stallAfterMs: number
  readonly clock: Clock
  readonly observer: TrailObserver
}

export interface TrailObserver {
  /** The sink could not take what it had been given; it is tried again, unless it is gone. */
  failing(why: string): void
  /** The first request since it last worked is refused, or the first record lost. */
  blocked(why: string): void
  /** It works again. */
  flowing(missed: number): void
  /** A request was refused, or with `best-effort` a record lost. */
  missed(count: number): void
  /** The newest record that the sink has taken, once a minute and at the end. */
  head(link: Link): void
}

/** How often the head is told, and how old a signature may be when there is something to sign. */
const minuteMs = 60_000
/** The longest that an answer waits for its record. Load balancers give up after a minute. */
const holdAtMostMs = 30_000

export function createTrail(options: TrailOptions): Trail {
  const { sink, format, chain, delivery, maxPendingBytes, stallAfterMs, clock, observer } = options
  const isBestEffort = delivery === 'best-effort'
  let sequence = 0
  let missed: { count: number; from: number; until: number } | undefined
  let lastSigned = { sequence: 0, at: -Infinity }
  let isClosed = false

  const commit = createCommit({
    sink,
    clock,
    stallAfterMs,
    waitAtMostMs: holdAtMostMs,
    onTaken() {
      // Nothing stands behind the end of a chain.
      if (missed !== undefined && !isClosed && hasRoom(maxPendingBytes / 2)) recordMissed()
    },
    onFailure: (why) => observer.failing(why),
  })
  const strangers = createStrangers({
    clock,
    handOver(record) {
      const canWait = !isClosed && !commit.isGone
      if (canWait && (commit.obstacle !== undefined || !hasRoom(maxPendingBytes / 2))) return false
      const why = full()
      if (why === undefined) addRequest(record)
      else miss(why, record.repeated?.count)
      return true
    },
  })

  function addRequest(record: AuditRecord, waiter?: Waiter): void {
    open()
    const line = format.request(record, sequence + 1)
    add(line, chain?.signs === true && clock.monotonic() - lastSigned.at >= minuteMs, waiter)
  }

  function addEvent(event: Omit<TrailEvent, 'time' | 'uid'>): void {
    open()
    const uid = chain?.uid ?? randomUUID()
    add(format.event({ ...event, time: clock.now(), uid }, sequence + 1), true)
  }

  function add(line: OpenLine, isSigned: boolean, waiter?: Waiter): void {
    sequence += 1
    if (isSigned) lastSigned = { sequence, at: clock.monotonic() }
    commit.add(chain?.seal(line, isSigned) ?? closeLine(line), chain?.head, waiter)
  }

  function hasRoom(bytes: number): boolean {
    return commit.pendingBytes + longestRecord <= bytes
  }

  /** Why there is no room for a record. */
  function full(): string | undefined {
    if (commit.isGone) return commit.obstacle
    return hasRoom(maxPendingBytes)
      ? undefined
      : `${commit.pendingBytes} bytes of records wait for the audit sink`
  }

  function miss(why: string, count = 1): void {
    const now = clock.now()
    if (missed === undefined) {
      missed = { count: 0, from: now, until: now }
      observer.blocked(why)
    }
    missed.count += count
    missed.until = Math.max(missed.until, now)
    observer.missed(count)
  }

  function recordMissed(): void {
    if (missed === undefined || commit.isGone) return
    const { count } = missed
    const name = isBestEffort ? 'records.lost' : 'requests.refused'
    addEvent({ name, repeated: missed })
    missed = undefined
    observer.flowing(count)
  }

  /** A heartbeat: what the chain ended in, told where the records do not go. */
  function tellHead(): void {
    if (commit.head !== undefined) observer.head(commit.head)
  }

  let isOpen = false
  let cancelHead = (): void => {}
  function open(): void {
    if (isOpen || chain === undefined) return
    isOpen = true
    const { previous, cutBytes = 0 } = options
    const detail = { ...(previous === undefined ? {} : { previous }), ...(cutBytes > 0 ? { cutBytes } : {}) }
    addEvent({ name: 'chain.open', detail })
    const everyMinute = (): void => {
      tellHead()
      if (chain.signs && sequence > lastSigned.sequence && commit.obstacle === undefined) {
        addEvent({ name: 'chain.checkpoint' })
      }
      cancelHead = clock.after(minuteMs, everyMinute)
    }
    cancelHead = clock.after(minuteMs, everyMinute)
  }

  /** Why no answer may be made, since it could not leave. */
  function closedTo(): string | undefined {
    return isBestEffort ? undefined : (commit.obstacle ?? full())
  }

  function hand(record: AuditRecord, waiter: Waiter): void {
    if (record.caller === undefined && !isClosed) {
      strangers.note(record)
      return waiter.taken()
    }
    const why = isClosed ? 'the trail is closed' : isBestEffort ? full() : closedTo()
    if (why !== undefined) miss(why)
    else addRequest(record, isBestEffort ? undefined : waiter)
    if (isBestEffort) waiter.taken()
    else if (why !== undefined) waiter.notTaken(new AuditUnavailable(why))
  }

  return {
    open,
    admit() {
      const why = closedTo()
      if (why === undefined) return
      miss(why)
      throw new AuditUnavailable(why)
    },
    get admits() {
      return closedTo() === undefined
    },
    hand,
    record: (record) =>
      new Promise<void>((resolve, reject) => hand(record, { taken: resolve, notTaken: reject })),
    amend(record) {
      // Of nobody in particular there is no record to amend.
      if (record.caller === undefined || isClosed) return
      // Beyond the bound, if need be: there is one at most for each record that had room.
      const why = isBestEffort ? full() : hasRoom(2 * maxPendingBytes) ? undefined : full()
      if (why !== undefined) miss(why)
      else addRequest(record)
    },
    get problem() {
      return commit.obstacle ?? (hasRoom(maxPendingBytes / 2) ? undefined : 'the audit sink does not keep up')
    },
    get pendingBytes() {
      return commit.pendingBytes
    },
    get taken() {
      return commit.taken
    },
    gone: commit.gone,
    reopen: () => sink.reopen(),
    async close() {
      cancelHead()
      isClosed = true
      strangers.settle()
      recordMissed()
      if (isOpen) addEvent({ name: 'chain.close' })
      await commit.flush()
      tellHead()
      await sink.close()
    },
  }
}
