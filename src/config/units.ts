/**
 * Quantities as operators write them: `30s`, `128MiB`, `50/s`, `10%`. Whole numbers, one unit, no spaces.
 *
 * @module
 */

/** At most `count` requests in any `perMs` milliseconds. */
export interface Rate {
  count: number
  perMs: number
}

const durationMs = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
])

const sizeBytes = new Map([
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
])

export const durationPattern = /^(\d{1,9})(ms|s|m|h)$/
export const sizePattern = /^(\d{1,9})(KiB|MiB|GiB)$/
export const ratePattern = /^(\d{1,9})\/(s|m)$/
export const percentPattern = /^(\d{1,3})%$/

/** @returns milliseconds, or undefined when the text is not a duration */
export function parseDuration(text: string): number | undefined {
  return multiplied(durationPattern.exec(text), durationMs)
}

/** @returns bytes, or undefined when the text is not a size */
export function parseSize(text: string): number | undefined {
  return multiplied(sizePattern.exec(text), sizeBytes)
}

/** @returns undefined when the text is not a rate, and for the rate 0, which would allow nothing */
export function parseRate(text: string): Rate | undefined {
  const [, digits, unit = ''] = ratePattern.exec(text) ?? []
  const count = Number(digits)
  const perMs = durationMs.get(unit)
  return count > 0 && perMs !== undefined ? { count, perMs } : undefined
}

/** @returns the share of one, or undefined when the text is not a percentage */
export function parsePercent(text: string): number | undefined {
  const digits = percentPattern.exec(text)?.[1]
  return digits === undefined ? undefined : Number(digits) / 100
}

function multiplied(match: RegExpExecArray | null, units: Map<string, number>): number | undefined {
  const [, digits, unit = ''] = match ?? []
  const factor = units.get(unit)
  return factor === undefined ? undefined : Number(digits) * factor
}
