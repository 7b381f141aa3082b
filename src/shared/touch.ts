/**
 * Being in touch with the other replicas: once a second, and whenever there is news, this one asks what has been purged
 * and until when Graph is not to be asked. By that it also finds out whether Redis is there, and quick enough.
 *
 * Messages only say that there is news: none can be missed, come twice or too late and do harm.
 *
 * @module
 */

import { PurgeNotShared, type Scope } from '../cache/index.ts'
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Asking, Told } from './asking.ts'
import type { Connection } from './connection.ts'
import type { Reply } from './link.ts'
import { channelOf, isReached, type Numbered, type PurgeLog, scopeFrom, scopeText } from './purge-log.ts'
import * as scripts from './scripts.ts'
import type { Sealing } from './sealing.ts'

export interface Touch {
  /** Whether what is purged elsewhere is heard of here, just now. */
  readonly isKept: boolean
  /** Everything that was purged before this instant has been heard of. */
  readonly heardAt: number
  /** See `SharedTier`. */
  vouchedSince(now: number): number
  /** It has been purged here, and the log has not shown that yet: what is found may be from before. */
  isUnheard(key: string): boolean
  /** @throws {PurgeNotShared} they are told as soon as they can be */
  purge(scope: Scope): Promise<void>
  onPurge(listener: (scope: Scope) => void): void
  /** Graph has asked this application to wait. */
  shutGate(forMs: number): Promise<void>
  /** Another replica was asked to; calls this with the milliseconds that are left. */
  onGateShut(listener: (forMs: number) => void): void
  close(): void
}

export interface TouchOptions {
  readonly connection: Connection
  readonly asking: Asking
  readonly log: PurgeLog
  readonly sealing: Sealing
  /** Before every key's name. */
  readonly prefix: string
  readonly clock: Clock
  readonly timeline: () => number
  /** For how long an entry may be used at all. */
  readonly maxRetentionMs: number
  /** What could not be read, and so counts as a purge of everything. */
  readonly refused: (why: string) => void
}

const everyMs = 1_000
/** A purge may take longer than a read: somebody waits for the word that it is done. */
const withinMs = 1_000
/** Not having asked for this long is not being in touch. */
const silenceMs = 2_000
/** What was asked for since, and not longer ago than this, cannot break the promise that a purge holds within 5 s. */
const unheardMs = 4_000
/** Beyond this many purges the log forgets the oldest: of what was written before them, all counts as purged. */
const mostPurges = '10000'
/** Beyond so many everything is to be told. */
const mostUntold = 1_000
/** The log must not go between two questions. */
const leastRetentionMs = 3_600_000

export function createTouch(options: TouchOptions): Touch {
  const { connection, asking, log, sealing, prefix, clock, timeline } = options
  const logKey = channelOf(prefix)
  const gateKey = `${prefix}:{log}:gate`
  const probeKey = `${prefix}:{log}:probe`
  const retention = String(Math.max(options.maxRetentionMs, leastRetentionMs))
  const purged: ((scope: Scope) => void)[] = []
  const gateShut: ((forMs: number) => void)[] = []
  /** Purges that were made here, and are to be told. */
  const untold = new Map<string, Scope>()
  /** Those that have been told, by their numbers, until the log shows them. */
  const unshown = new Map<number, Scope>()
  let heardAt = -Infinity
  /** Of what was asked for before, nobody knows whether it has been purged. */
  let knownSince = -Infinity
  let gateUntil = 0
  let isClosed = false

  const aboutScope = `${prefix} purge`

  async function tell(scope: Scope): Promise<void> {
    const text = scopeText(scope)
    const member = scope === 'everything' ? text : sealing.seal(Buffer.from(text), aboutScope)
    const args = [member, String(log.number), retention, mostPurges]
    const { values } = await asking.reach(scripts.purge, [logKey], args, withinMs)
    unshown.set(numberIn(values[0]), scope)
    untold.delete(text)
  }

  function toTell(scope: Scope): void {
    const left = untold.size < mostUntold ? scope : 'everything'
    if (left === 'everything') untold.clear()
    untold.set(scopeText(left), left)
  }

  async function ask(): Promise<void> {
    await Promise.all([...untold.values()].map(tell))
    const shown = [...unshown]
    const keys = [logKey, gateKey, probeKey]
    const told = await asking.reach(scripts.sync, keys, [String(log.number), retention], withinMs)
    hear(told)
    heardAt = told.sentAt
    // The server that was told is gone, and the one in its place never was.
    for (const [number, scope] of shown) if (unshown.delete(number)) toTell(scope)
    isNewsSince ||= untold.size > 0
    // Of a cluster, the node with the log may be there and another one not.
    if (!told.isLate && connection.isReady) asking.up()
  }

  function hear({ now, sentAt, values: [floor, since, until] }: Told): void {
    const purges = numbered(Array.isArray(since) ? since : [])
    if (log.hear(purges, numberIn(floor))) knownSince = sentAt
    for (const { scope, number } of purges) {
      if (!unshown.delete(number)) for (const listener of purged) listener(scope)
    }
    const newUntil = numberIn(until)
    if (newUntil === gateUntil) return
    gateUntil = newUntil
    if (newUntil > now) for (const listener of gateShut) listener(newUntil - now)
  }

  function numbered(since: readonly Reply[]): Numbered[] {
    const found: Numbered[] = []
    for (let at = 0; at < since.length; at += 2) {
      const member = since[at]
      if (!Buffer.isBuffer(member) || member.equals(floorMember)) continue
      found.push({ scope: scopeOf(member), number: numberIn(since[at + 1]) })
    }
    return found
  }

  function scopeOf(member: Buffer): Scope {
    if (member.equals(everythingMember)) return 'everything'
    const opened = sealing.open(member, aboutScope)
    if ('plain' in opened) return scopeFrom(opened.plain.toString())
    options.refused(opened.refused)
    return 'everything'
  }

  let asked: Promise<void> | undefined
  let isNewsSince = false
  let cancelNext = (): void => {}
  /** One question at a time; what happens meanwhile is asked for right after. */
  function keep(): void {
    if (isClosed) return
    listen()
    if (asked !== undefined) {
      isNewsSince = true
      return
    }
    cancelNext()
    asked = ask()
      .catch((error: unknown) => asking.down(messageOf(error)))
      .finally(() => {
        asked = undefined
        if (isNewsSince) {
          isNewsSince = false
          keep()
        } else if (!isClosed) {
          cancelNext = clock.after(everyMs, keep)
        }
      })
  }

  /** By a question that was asked after this. */
  async function caughtUp(): Promise<void> {
    const isUnderWay = asked !== undefined
    keep()
    await asked
    if (isUnderWay) await asked
  }

  let isListening = false
  function listen(): void {
    if (isListening) return
    isListening = true
    connection.subscribe(logKey, keep).then(keep, () => (isListening = false))
  }

  connection.onReady(keep)
  cancelNext = clock.after(everyMs, keep)

  const isKept = (now = timeline()): boolean => now - heardAt <= silenceMs

  return {
    get isKept() {
      return isKept()
    },
    get heardAt() {
      return heardAt
    },
    isUnheard: (key) => [...untold.values(), ...unshown.values()].some((scope) => isReached(key, scope)),
    vouchedSince: (now) => (isKept(now) ? knownSince : Math.max(knownSince, heardAt, now - unheardMs)),
    async purge(scope) {
      toTell(scope)
      try {
        await tell(scope)
      } catch (error) {
        // Another one of the same may have been told meanwhile.
        toTell(scope)
        throw new PurgeNotShared(messageOf(error))
      }
      // So that what is asked for from now on is shared at once.
      await caughtUp()
    },
    onPurge: (listener) => void purged.push(listener),
    async shutGate(forMs) {
      const told = await asking.ask('shut', scripts.shut, [gateKey, logKey], [String(forMs)])
      if (told === undefined) return
      const known = gateUntil
      gateUntil = numberIn(told.values[0])
      const leftMs = gateUntil - told.now
      // Another replica was told to wait for longer, and this one had not heard of it yet.
      if (gateUntil > known && leftMs > Math.ceil(forMs)) for (const listener of gateShut) listener(leftMs)
    },
    onGateShut: (listener) => void gateShut.push(listener),
    close() {
      isClosed = true
      cancelNext()
    },
  }
}

const floorMember = Buffer.from(scripts.floorMember)
const everythingMember = Buffer.from('*')

function numberIn(reply: Reply | undefined): number {
  return Number(Buffer.isBuffer(reply) ? reply.toString() : reply)
}
