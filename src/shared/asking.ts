/**
 * Questions to Redis: none takes longer than it may, and none fails. After some failures in a row nothing is asked any
 * more, until Redis has shown (`touch.ts`) that it answers in time again.
 *
 * @module
 */

import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Connection } from './connection.ts'
import type { Reply } from './link.ts'
import type { Script } from './script.ts'

export type Operation = 'get' | 'claim' | 'renew' | 'land' | 'release' | 'drop' | 'shut'

export interface Told {
  /** The time by Redis' clock when it answered, in epoch ms. */
  readonly now: number
  readonly values: readonly Reply[]
  /** On our timeline. */
  readonly sentAt: number
  readonly receivedAt: number
  /** Later than a caller would have waited. */
  readonly isLate: boolean
}

export interface Asking {
  /**
   * @param withinMs what is left of the time that it may take
   * @returns `undefined` where it is away, or was not in time
   */
  ask(
    operation: Operation,
    script: Script,
    keys: readonly string[],
    args: Args,
    withinMs?: number,
  ): Promise<Told | undefined>
  /** As `ask`, and also where it is away: nobody waits for this. */
  tell(operation: Operation, script: Script, keys: readonly string[], args: Args): Promise<Told | undefined>
  /** Also where it is away. @throws why there was no answer */
  reach(script: Script, keys: readonly string[], args: Args, withinMs: number): Promise<Told>
  /** Whether it is asked at all. */
  readonly isUp: boolean
  /** It has answered in time. */
  up(): void
  down(why: string): void
  /** @returns ends it */
  onDown(listener: () => void): () => void
  /** Resolves once nothing is on its way. */
  settled(): Promise<void>
}

type Args = readonly (string | Buffer)[]
type Question = Parameters<Asking['reach']>

export interface AskingOptions {
  readonly connection: Connection
  readonly clock: Clock
  readonly timeline: () => number
  readonly timeoutMs: number
  readonly observer: AskingObserver
}

export interface AskingObserver {
  asked(operation: Operation, outcome: 'answered' | 'late' | 'failed' | 'skipped' | 'away'): void
  /** @param why it is not asked any more; absent: it is, again */
  changed(why: string | undefined): void
}

const failuresThatEndIt = 3
/** Where it was up for less than this, it must answer in time twice as often in a row before it is asked again. */
const steadyMs = 30_000
const mostTimes = 32

class TooLate extends Error {}

export function createAsking({ connection, clock, timeline, timeoutMs, observer }: AskingOptions): Asking {
  /** Not known at first: then both are told. */
  let isUp: boolean | undefined
  let failuresInARow = 0
  let timesInARow = 0
  let timesNeeded = 1
  let upSince = -Infinity
  const listeners = new Set<() => void>()
  const onItsWay = new Set<Promise<unknown>>()

  async function reach(script: Script, keys: readonly string[], args: Args, withinMs: number): Promise<Told> {
    const sentAt = timeline()
    const { promise: late, reject } = Promise.withResolvers<never>()
    let isLate = false
    // What has arrived while this process was busy is in time: it is read before the immediate runs.
    const cancel = clock.after(withinMs, () =>
      setImmediate(reject, new TooLate(`no answer within ${withinMs} ms`)),
    )
    const cancelLate = clock.after(timeoutMs, () => setImmediate(() => (isLate = true)))
    try {
      const reply = await Promise.race([connection.run(script, keys, args), late])
      const [now, ...values] = Array.isArray(reply) ? reply : []
      if (typeof now !== 'number') throw new Error('an answer that this program does not know')
      // To the next whole millisecond: what is reckoned from it must not seem later than it is.
      return { now, values, sentAt, receivedAt: timeline() + 1, isLate }
    } finally {
      cancelLate()
      cancel()
    }
  }

  function down(why: string): void {
    failuresInARow = 0
    timesInARow = 0
    if (isUp === false) return
    if (isUp === true) {
      const isSteady = clock.monotonic() - upSince >= steadyMs
      timesNeeded = isSteady ? 1 : Math.min(mostTimes, 2 * timesNeeded)
    }
    isUp = false
    observer.changed(why)
    for (const listener of listeners) listener()
  }

  async function answerTo(operation: Operation, ...question: Question): Promise<Told | undefined> {
    try {
      const told = await reach(...question)
      failuresInARow = 0
      observer.asked(operation, 'answered')
      return told
    } catch (error) {
      failuresInARow += 1
      observer.asked(operation, error instanceof TooLate ? 'late' : 'failed')
      if (failuresInARow >= failuresThatEndIt) down(messageOf(error))
      return undefined
    }
  }

  function put(operation: Operation, ...question: Question): Promise<Told | undefined> {
    const answer = answerTo(operation, ...question)
    onItsWay.add(answer)
    void answer.finally(() => onItsWay.delete(answer))
    return answer
  }

  return {
    ask(operation, script, keys, args, withinMs = timeoutMs) {
      if (isUp === true && withinMs > 0) return put(operation, script, keys, args, withinMs)
      // Where it is there, what was asked before has taken all the time.
      observer.asked(operation, isUp === true ? 'skipped' : 'away')
      return Promise.resolve(undefined)
    },
    tell: (operation, script, keys, args) => put(operation, script, keys, args, timeoutMs),
    reach,
    get isUp() {
      return isUp === true
    },
    up() {
      if (isUp === true) return
      timesInARow += 1
      if (timesInARow < timesNeeded) return
      isUp = true
      upSince = clock.monotonic()
      observer.changed(undefined)
    },
    down,
    onDown(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async settled() {
      await Promise.all(onItsWay)
    },
  }
}

/** An instant of ours by Redis' clock, or somewhat earlier. */
export function toShared({ now, receivedAt }: Told, instant: number): number {
  return now + instant - receivedAt
}

/** An instant of Redis' clock on our timeline, or somewhat earlier. */
export function fromShared({ now, sentAt }: Told, instant: number): number {
  return sentAt + instant - now
}
