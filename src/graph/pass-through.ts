/**
 * The second lane: an answer of Graph's is passed on while it comes, by http-proxy-middleware (`lane.ts`).
 *
 * @module
 */

import type { Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import { asFailure, type Outbound, OutboundFailure, readWhole } from '../outbound/index.ts'
import { assertJson } from './check.ts'
import { GraphTimedOut, TripCancelled } from './errors.ts'
import type { Lane } from './lane.ts'
import type { Line } from './line.ts'
import type { Trip } from './question.ts'
import { representationHeaders } from './response.ts'
import type { Errand } from './trips.ts'

export interface PassedOn {
  /** 404 and 410 have no body to pass on, but Graph's `error.code`. */
  readonly status: 200 | 404 | 410
  readonly errorCode?: string
  /** Graph's own headers that concern the body. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Ends with an error where Graph's answer does not come to its end, or not in time. */
  readonly body?: Readable
  readonly trip: Trip
}

export interface PassThroughOptions {
  /** As in `https://graph.microsoft.com`. */
  readonly origin: string
  /** For the beginning of an answer, and once more for the rest of it. */
  readonly deadlineMs: number
  readonly outbound: Outbound
  readonly clock: Clock
  readonly line: Line
}

/** Of what Graph says when it does not answer with what was asked for. */
const largestErrorBytes = 64 * 1024

export function createPassThrough({ origin, deadlineMs, outbound, clock, line }: PassThroughOptions): {
  errand(target: string): Errand<PassedOn>
} {
  let lanes: Promise<{ readonly keeping: Lane; readonly fresh: Lane }> | undefined

  async function openLanes(): NonNullable<typeof lanes> {
    const { createLane } = await import('./lane.ts')
    return { keeping: createLane(origin, outbound.agent), fresh: createLane(origin, outbound.freshAgent) }
  }

  async function askFor(
    target: string,
    { headers, deadlineMs: withinMs, onNewConnection, cancelled }: Call,
  ): Promise<Heard> {
    // Not AbortSignal.any: what listens to one of those stays in memory for as long as none of its parts aborts.
    const ending = new AbortController()
    const end = (): void => ending.abort()
    const cancelDeadline = clock.after(withinMs, end)
    cancelled.addEventListener('abort', end)
    let receiving = false
    try {
      lanes ??= openLanes()
      const { keeping, fresh } = await lanes
      ending.signal.throwIfAborted()
      const lane = onNewConnection ? fresh : keeping
      const body = await lane({ target, headers, signal: ending.signal })
      receiving = true
      const status = body.statusCode ?? 0
      if (status === 200) return { status, headers: body.headers, body: Buffer.of(), arriving: body }
      const bounds = { origin, maxBodyBytes: largestErrorBytes }
      return { status, headers: body.headers, body: await readWhole(body, bounds) }
    } catch (error) {
      const wayTo = outbound.wayTo(origin)
      if (cancelled.aborted) throw new TripCancelled()
      if (ending.signal.aborted) throw new OutboundFailure('http_response_timeout', wayTo)
      throw asFailure(error, wayTo, receiving)
    } finally {
      cancelDeadline()
      cancelled.removeEventListener('abort', end)
    }
  }

  return {
    errand(target) {
      let arriving: Readable | undefined
      return {
        line,
        headers: {},
        async ask(call) {
          const heard = await askFor(target, call)
          arriving = heard.arriving
          return heard
        },
        accept(response, trip) {
          if (arriving === undefined) throw new TypeError('a 200 without a body')
          try {
            assertJson(response)
          } catch (error) {
            arriving.destroy()
            throw error
          }
          return { status: 200, headers: representationHeaders(response), body: arriving, trip }
        },
        absent: (status, errorCode, trip) => ({ status, errorCode, headers: [], trip }),
        unchanged: undefined,
        isCallersQuery: target.includes('?'),
        mayBeQuoted: !/[?&]\$(?:filter|skiptoken)=/.test(target),
        arriving({ body }, back) {
          if (body === undefined) return back()
          const cancelDeadline = clock.after(deadlineMs, () => {
            body.destroy(new GraphTimedOut('the rest of its answer took longer than graph.deadline'))
          })
          body.once('close', () => {
            cancelDeadline()
            back()
          })
        },
      }
    },
  }
}

type Call = Parameters<Errand<PassedOn>['ask']>[0]
type Heard = Awaited<ReturnType<Errand<PassedOn>['ask']>> & { readonly arriving?: Readable }
