/**
 * Choices that can be made again: each part draws from a stream of its own, named after it, so that what one of them
 * does at its pace moves nobody else's choices.
 *
 * @module
 */

export interface Chance {
  /** 0 ≤ n < 1. */
  next(): number
  /** A whole number, both ends included. */
  between(least: number, most: number): number
  is(probability: number): boolean
  of<Thing>(things: readonly Thing[]): Thing
  /** Each with its weight. */
  weighed<Thing>(things: readonly (readonly [thing: Thing, weight: number])[]): Thing
}

export function chanceOf(seed: number, stream: string): Chance {
  let state = stream
    .split('')
    .reduce((sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) | 0, seed | 0)
  // Mulberry32.
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1))
  return {
    next,
    between,
    is: (probability) => next() < probability,
    of: (things) => things[between(0, things.length - 1)] as (typeof things)[number],
    weighed(things) {
      let rest = next() * things.reduce((sum, [, weight]) => sum + weight, 0)
      const found = things.find(([, weight]) => (rest -= weight) < 0) ?? things.at(-1)
      return (found as (typeof things)[number])[0]
    },
  }
}

/** Ranks from 0, the first the most wanted (s = 1.2: with short windows, less of a skew would leave few hits). */
export function zipf(size: number): (chance: Chance) => number {
  const sums: number[] = []
  for (let rank = 1, sum = 0; rank <= size; rank += 1) sums.push((sum += rank ** -1.2))
  return (chance) => {
    const wanted = chance.next() * (sums.at(-1) ?? 0)
    let [low, high] = [0, size - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}
