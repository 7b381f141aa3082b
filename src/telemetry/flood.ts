/**
 * Lines that strangers can cause, bounded: whoever can connect can be refused as often as they like, and a flood of
 * alike lines costs, and hides what matters. Each is counted all the same; the audit trail is not concerned.
 *
 * @module
 */

import type { Clock } from '../clock.ts'
import type { Log } from './log.ts'

export interface Flood {
  /**
   * @param about what tells lines of one code apart, where each kind is to be seen
   * @returns whether a line about this code is to be written; what is not is counted, and told within a second
   */
  admits(level: FloodLevel, code: string, about?: string): boolean
}

export type FloodLevel = 'info' | 'warn' | 'error'

const windowMs = 1_000
const mostLines = 10
/** Of lines that are told apart; beyond that many kinds in a second they are not. */
const mostKinds = 100

export function createFlood(log: Log, clock: Clock): Flood {
  /** Of the second that began with the first line about a code. */
  const windows = new Map<string, { lines: number; suppressed: number }>()
  return {
    admits(level, code, about) {
      const kind = about === undefined || windows.size >= mostKinds ? code : `${code} ${about.slice(0, 200)}`
      let window = windows.get(kind)
      if (window === undefined) {
        const opened = { lines: 0, suppressed: 0 }
        windows.set(kind, opened)
        clock.after(windowMs, () => {
          windows.delete(kind)
          const { suppressed } = opened
          if (suppressed > 0) log[level]({ code, suppressed }, 'more of the same, left out')
        })
        window = opened
      }
      if (window.lines >= mostLines) {
        window.suppressed += 1
        return false
      }
      window.lines += 1
      return true
    },
  }
}
