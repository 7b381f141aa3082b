/**
 * Our clock against Entra's: with a wrong one, assertions, certificates and tokens fail in ways that name something
 * else.
 *
 * @module
 */

import { httpDateMs } from '../outbound/index.ts'
import type { Report } from './report.ts'

/** Beyond it something is wrong with a clock. Entra and most issuers put up with five minutes at the most. */
const noticeableMs = 60_000

/**
 * @param date the `Date` of an answer (RFC 9110 §6.6.1)
 * @param now our own time at the middle of the exchange, epoch milliseconds
 * @returns by how many milliseconds ours is ahead (negative: behind); `undefined` when the answer names no time
 */
export function skewMs(date: string | string[] | undefined, now: number): number | undefined {
  const theirs = typeof date === 'string' ? httpDateMs(date) : undefined
  // A `Date` is cut to the second: on average half of one has passed.
  return theirs === undefined ? undefined : now - (theirs + 500)
}

export function isNoticeable(skew: number | undefined): skew is number {
  return skew !== undefined && Math.abs(skew) > noticeableMs
}

/** As the end of a sentence on something that depends on the time. */
export function describeClock(now: number, skew: number | undefined): string {
  const ours = `this machine’s clock says ${new Date(now).toISOString()}`
  if (skew === undefined) return `${ours}, and Entra has not said what its own says`
  if (!isNoticeable(skew)) return `${ours}, and Entra’s agrees`
  return `${ours}, which is ${describeSkew(skew, 'Entra')}`
}

/**
 * Says once that the clock is wrong, and once that it is right again.
 *
 * @param whose the clock that ours is compared with
 */
export function createClockReports(whose: 'Entra' | 'IMDS'): (skew: number) => Report | undefined {
  let isWrong = false
  return (skew) => {
    if (isNoticeable(skew) === isWrong) return undefined
    isWrong = !isWrong
    const fields = { skewSeconds: Math.round(skew / 1000) }
    return isWrong
      ? {
          level: 'warn',
          fields,
          message:
            `this machine’s clock is ${describeSkew(skew, whose)}: set it (NTP), or tokens and certificates will be ` +
            'refused as expired or not valid yet',
        }
      : { level: 'info', fields, message: `this machine’s clock agrees with ${whose}’s again` }
  }
}

function describeSkew(skew: number, whose: 'Entra' | 'IMDS'): string {
  return `${Math.round(Math.abs(skew) / 1000)} s ${skew > 0 ? 'ahead of' : 'behind'} ${whose}’s`
}
