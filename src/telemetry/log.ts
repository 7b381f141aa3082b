/**
 * The operator's log: JSON lines on stderr. stdout belongs to the audit trail alone, so the two never mix.
 *
 * @module
 */

import { type DestinationStream, type Logger, pino } from 'pino'

export type Log = Logger

/** @param stream where the lines go instead of stderr */
export function createLog(level: string, stream: DestinationStream = stderr()): Log {
  return pino(
    {
      level,
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
    },
    { write: (line) => stream.write(withoutControls(line)) },
  )
}

/**
 * Reasons quote what strangers have sent. JSON escapes C0, and a terminal obeys C1 too; what turns the direction of
 * writing, or cannot be seen at all, makes a line say something else than it holds.
 */
export function withoutControls(line: string): string {
  return line.replace(unreadable, (character) => character.split('').map(escaped).join(''))
}

const unreadable = /[[\p{C}\p{Zl}\p{Zp}]--\n]/gv

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Lines that wait for a reader of stderr who pauses, in characters; beyond it lines are dropped, not piled up. */
const mostWaitingLength = 1024 * 1024

/**
 * Not synchronous: a reader of stderr that pauses must not freeze the gateway. Nor by way of a file descriptor: its
 * writes occupy a thread, and a process does not end before its threads do.
 */
function stderr(): DestinationStream {
  // Without a listener a broken pipe would end the process, and nothing else is wrong with it.
  process.stderr.on('error', () => {})
  return {
    write(line) {
      if (process.stderr.writableLength < mostWaitingLength) process.stderr.write(line)
    },
  }
}
