/**
 * The operator's log: JSON lines on stderr. stdout belongs to the audit trail alone, so the two never mix.
 *
 * @module
 */

import { destination, type DestinationStream, type Logger, pino } from 'pino'

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
    stream,
  )
}

/** Not synchronous: a reader of stderr that pauses must not freeze the gateway. */
function stderr(): DestinationStream {
  return destination({ dest: 2, sync: false })
}
