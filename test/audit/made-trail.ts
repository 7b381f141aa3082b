/** A trail over a scripted sink and a clock that stands still. */

import { setImmediate as turn } from 'node:timers/promises'
import type { AuditRecord, Trail } from '../../src/audit/index.ts'
import { AuditUnavailable } from '../../src/audit/errors.ts'
import { createRecordFormat } from '../../src/audit/record.ts'
import { createTrail, type TrailOptions } from '../../src/audit/trail.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { type Line, recordsIn } from '../world/recorded.ts'
import { createScriptedSink, type ScriptedSink } from './scripted-sink.ts'

const caller = { issuer: 'cluster', subject: 'reader' }

export interface MadeTrail {
  readonly trail: Trail
  readonly sink: ScriptedSink
  readonly clock: FakeClock
  readonly record: (change?: Partial<AuditRecord>) => AuditRecord
  /** What the observer was told. */
  readonly told: unknown[]
  readonly records: () => Line[]
  /** The trail's own, by operation. */
  readonly events: (name: string) => Line[]
}

export function made(options: Partial<TrailOptions> = {}): MadeTrail {
  const sink = createScriptedSink()
  const clock = createFakeClock()
  const told: unknown[] = []
  const trail = createTrail({
    sink,
    clock,
    format: createRecordFormat({ version: '1.2.3', tenantId: 'tenant', hostName: 'host-1' }),
    delivery: 'before-response',
    maxPendingBytes: 64 * 1024,
    stallAfterMs: 1_000,
    observer: {
      failing: (why) => void told.push(['failing', why]),
      blocked: (why) => void told.push(['blocked', why]),
      flowing: (missed) => void told.push(['flowing', missed]),
      missed: (count) => void told.push(...Array.from({ length: count }, () => 'missed')),
      head: (link) => void told.push(['head', link.sequence]),
    },
    ...options,
  })
  const lines = (): Line[] =>
    sink.taken
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  return {
    trail,
    sink,
    clock,
    told,
    record: (change = {}) => ({
      action: 'read',
      time: clock.now(),
      durationMs: 1,
      requestId: crypto.randomUUID(),
      peer: { ip: '127.0.0.1', port: 5 },
      status: 200,
      caller,
      ...change,
    }),
    records: () => recordsIn(sink.taken),
    events: (name) => lines().filter(({ api }) => api.operation === `audit.${name}`),
  }
}

export const isRefusal = (error: unknown): boolean =>
  error instanceof AuditUnavailable &&
  error.status === 503 &&
  error.retryAfterMs === 1_000 &&
  !error.isRecorded

/** A refusal of nobody in particular. */
export const because = (reason: string): Partial<AuditRecord> => ({
  caller: undefined,
  status: 401,
  refusal: { code: 'unauthenticated', reason },
})

/** What has been handed over is with the sink. */
export async function turns(): Promise<void> {
  for (let n = 0; n < 4; n += 1) await turn()
}

/** Of each line, without `audit.`. */
export function operationsIn(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => String(JSON.parse(line).api.operation).replace('audit.', ''))
}
