/**
 * Time as entries age: whole milliseconds since the start.
 *
 * It never goes back, whoever sets the system's clock; and it counts what the machine has slept through, which a
 * monotonic clock alone leaves out. So an entry may seem older than it is, and never younger.
 *
 * @module
 */

import type { Clock } from '../clock.ts'

/** Smaller steps are the system's clock being kept right, bit by bit. */
const smallestStepMs = 1_000

export function createTimeline(clock: Clock): () => number {
  const start = clock.monotonic()
  let sleptMs = 0
  let difference = clock.now() - start
  return () => {
    const monotonic = clock.monotonic()
    const stepMs = clock.now() - monotonic - difference
    if (Math.abs(stepMs) >= smallestStepMs) {
      difference += stepMs
      sleptMs += Math.max(0, stepMs)
    }
    return Math.floor(monotonic - start + sleptMs)
  }
}
