/**
 * A line before the gate: so many trips at once, so many waiting, and nobody waits for what would come too late. There
 * are two: what is passed on stays under way for as long as its caller reads, and is in no session's way.
 *
 * Whoever may not go at once waits in turn: for another trip to come back, or for a gate that is to open within a
 * second. A trip that nobody waits for does not stand in line: what it would bring is in nobody's way.
 *
 * @module
 */

import type { Clock } from '../clock.ts'
import { GraphBusy, type GraphThrottled, TripCancelled } from './errors.ts'
import type { Gate, Pass } from './gate.ts'

export interface Line {
  /**
   * Waits for its turn. Whoever has it must report one outcome, or that it has begun and then one.
   *
   * @throws {GraphThrottled} the gate is shut, and for too long to wait for it
   * @throws {GraphBusy} its turn would come too late, or too many wait already
   * @throws {TripCancelled}
   */
  enter(trip: Entering): Promise<Turn>
  readonly underWay: number
  readonly waiting: number
}

/** A pass, and one of the places for those under way; whatever is reported gives the place to the next. */
export interface Turn extends Pass {
  /** Graph has answered, and the rest of its answer is still to come: its place is not free yet. */
  begun(): void
}

export interface Entering {
  /** On the clock that never jumps: when its answer is wanted by. */
  readonly deadline: number
  readonly cancelled: AbortSignal
  readonly isAwaited: boolean
}

export interface LineOptions {
  readonly gate: Gate
  readonly clock: Clock
  readonly mostAtOnce: number
  readonly mostWaiting: number
}

interface Waiter {
  go(turn: Turn): void
  giveUp(refusal: GraphThrottled | GraphBusy): void
}

/** A gate that opens this soon is worth waiting for. */
export const longestAtGateMs = 1_000
/** Weight of the latest trip in what a trip usually takes. */
const latestWeight = 0.2

export function createLine({ gate, clock, mostAtOnce, mostWaiting }: LineOptions): Line {
  let underWay = 0
  let usualMs = 0
  const waiting = new Set<Waiter>()
  let cancelOpening = (): void => {}
  // The one that goes first may be of another line.
  gate.whenReported(() => advance())

  function depart(): Turn {
    const pass = gate.enter()
    const departedAt = clock.monotonic()
    let isBack = false
    underWay += 1
    const back = (): void => {
      if (isBack) return
      isBack = true
      underWay -= 1
      usualMs += latestWeight * (clock.monotonic() - departedAt - usualMs)
      advance()
    }
    function thenBack<R>(said: R): R {
      back()
      return said
    }
    return {
      isProbe: pass.isProbe,
      begun: () => pass.served(),
      served: () => thenBack(pass.served()),
      failed: () => thenBack(pass.failed()),
      throttled: (retryAfterMs) => thenBack(pass.throttled(retryAfterMs)),
      abandoned: () => thenBack(pass.abandoned()),
    }
  }

  const isFree = (): boolean => underWay < mostAtOnce && !gate.isShut
  const refusal = (): GraphThrottled | GraphBusy =>
    gate.isShut ? gate.refusal() : new GraphBusy(`${underWay} calls under way, ${waiting.size} waiting`)

  function advance(): void {
    cancelOpening()
    for (const waiter of waiting) {
      if (gate.shutForMs > longestAtGateMs) waiter.giveUp(gate.refusal())
      else if (isFree()) waiter.go(depart())
      else break
    }
    if (waiting.size > 0 && gate.shutForMs > 0) cancelOpening = clock.after(gate.shutForMs, advance)
  }

  /** How long it makes sense to wait, in milliseconds; 0 when it makes none. */
  function patience({ deadline }: Entering): number {
    // A turn without the time for a call would be wasted; and what calls usually take, every other one exceeds.
    const leftMs = deadline - clock.monotonic() - 2 * usualMs
    if (gate.isShut) {
      const { shutForMs } = gate
      if (shutForMs > longestAtGateMs) return 0
      // Then, for as long again, for the one that goes first.
      return shutForMs < leftMs ? Math.min(leftMs, shutForMs + longestAtGateMs) : 0
    }
    const untilItsTurnMs = (usualMs * (waiting.size + 1)) / mostAtOnce
    return untilItsTurnMs < leftMs ? leftMs : 0
  }

  function wait(trip: Entering, patienceMs: number): Promise<Turn> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.delete(waiter)
        cancelTimer()
        trip.cancelled.removeEventListener('abort', cancel)
      }
      const waiter: Waiter = {
        go(turn) {
          leave()
          resolve(turn)
        },
        giveUp(why) {
          leave()
          reject(why)
        },
      }
      const cancel = (): void => {
        leave()
        reject(new TripCancelled())
      }
      const cancelTimer = clock.after(patienceMs, () => waiter.giveUp(refusal()))
      trip.cancelled.addEventListener('abort', cancel, { once: true })
      waiting.add(waiter)
      advance()
    })
  }

  return {
    async enter(trip) {
      if (trip.cancelled.aborted) throw new TripCancelled()
      if (waiting.size === 0 && isFree()) return depart()
      const patienceMs = patience(trip)
      if (!trip.isAwaited || waiting.size >= mostWaiting || patienceMs <= 0) throw refusal()
      return wait(trip, patienceMs)
    },
    get underWay() {
      return underWay
    },
    get waiting() {
      return waiting.size
    },
  }
}
