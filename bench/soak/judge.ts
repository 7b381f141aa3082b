/**
 * Is this answer right? Judged by what Graph had when, not by what the answer says of itself.
 *
 * @module
 */

import type { Troubles } from './faults.ts'
import type { Findings, Invariant } from './findings.ts'
import type { Identity } from './identities.ts'
import type { Life } from './lives.ts'
import { deadlineMs, windows } from './plan.ts'
import { endOf, readBody, type Select, type Session } from './sessions.ts'
import type { Trail } from './trail.ts'

export interface Directive {
  readonly field: string
  /** No older than this, where the caller's rule lets it demand that; more than the usual where it says so. */
  readonly mostAgeMs: number
}

export interface Asked {
  readonly identity: Identity
  readonly session: Session
  readonly select: Select
  readonly method: 'GET' | 'HEAD'
  readonly directive: Directive | undefined
  readonly startedAt: number
  readonly life: Life
}

export interface Got {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  readonly endedAt: number
}

export interface Purge {
  readonly sentAt: number
  readonly doneAt: number
  /** `null`: all. */
  readonly workspaceId: string | null
  readonly sessionId: string | null
}

/** From the moment Graph read its session to the moment the gateway holds it, on a busy machine. */
const slackMs = 1_000
/** A gate that was shut by failures may stay shut for so long, and keys may rest. */
const aftermathMs = 45_000
/** Keys that could not be fetched are fetched again so much later. */
const tokenAftermathMs = 45_000

export class Judge {
  readonly purges: Purge[] = []
  readonly #findings: Findings
  readonly #trail: Trail
  readonly #troubles: Troubles
  /** Which version an entity tag names, of a session and a choice of properties. */
  readonly #tagged = new Map<string, number | undefined>()

  constructor(findings: Findings, trail: Trail, troubles: Troubles) {
    this.#findings = findings
    this.#trail = trail
    this.#troubles = troubles
  }

  answer(asked: Asked, got: Got): void {
    const { identity, session, select, method, startedAt, life } = asked
    const { status, headers } = got
    const code = errorCodeOf(got)
    this.#findings.count(`answer ${status} ${code}`)
    const isOfGraph =
      status === 404 && headers['proxy-status'] === undefined && headers['cache-status'] !== undefined
    const hasData = status === 200 || status === 304 || isOfGraph
    const may = identity.may(session.workspaceId, select)
    this.#check('no answer without permission', asked, got, !hasData || may)
    if (!may)
      this.#check(
        'no answer without permission',
        asked,
        got,
        status === 403 || status === 401 || status === 503,
      )
    if (hasData || status === 403) {
      this.#trail.expect({
        requestId: String(headers['request-id']),
        status,
        decision: hasData ? 'allowed' : 'denied',
        subject: identity.subject,
        workspaceId: session.workspaceId,
        sessionId: session.id,
      })
    }
    const troubled = Math.max(this.#troubles.issuer, this.#troubles.cluster) + tokenAftermathMs
    const isRightlyUnknown = startedAt < troubled || startedAt < life.startedAt + tokenAftermathMs
    this.#check('good tokens hold unless their issuer failed', asked, got, status !== 401 || isRightlyUnknown)
    if (!hasData) return
    if (isOfGraph) return this.#judgeAge(asked, got, null)
    const tagKey = `${session.id} ${select?.toSorted().join() ?? '*'} ${String(headers['etag'])}`
    if (status === 200 && method === 'GET') {
      const read = readBody(session, select, got.body)
      this.#check('no wrong body', asked, got, 'version' in read)
      if (!('version' in read)) return
      this.#tagged.set(tagKey, read.version)
      if (read.version !== undefined) this.#judgeAge(asked, got, read.version)
      return
    }
    // Of what nobody has been given yet, a tag says nothing to us.
    const version = this.#tagged.get(tagKey)
    if (version !== undefined) this.#judgeAge(asked, got, version)
  }

  #judgeAge(asked: Asked, got: Got, version: number | null): void {
    const { session, startedAt, life } = asked
    const end = endOf(session, version, got.endedAt)
    this.#check('no wrong body', asked, got, end !== undefined)
    if (end === undefined) return
    const isLastResort = /; detail=\w+/.test(String(got.headers['cache-status']))
    this.#check('no spent entry', asked, got, startedAt <= end + mostAge(asked, got, version, isLastResort))
    if (isLastResort) {
      const troubled = Math.max(this.#troubles.graph, this.#troubles.token, life.startedAt)
      this.#check('last resorts only when something failed', asked, got, startedAt < troubled + aftermathMs)
    }
    const floor = Math.max(
      life.startedAt,
      ...this.purges.filter((one) => reaches(one, asked)).map((one) => one.sentAt),
    )
    this.#check('nothing from before a purge or a start', asked, got, end >= floor)
  }

  #check(invariant: Invariant, asked: Asked, got: Got, holds: boolean): void {
    this.#findings.check(invariant, holds, () => {
      const { identity, session, select, method, directive, startedAt, life } = asked
      const { status, headers, body, endedAt } = got
      return JSON.stringify({
        identity: identity.name,
        method,
        session: `${session.workspaceId}/${session.id}`,
        select,
        directive: directive?.field,
        life: life.number,
        startedAt,
        endedAt,
        status,
        requestId: headers['request-id'],
        cacheStatus: headers['cache-status'],
        age: headers['age'],
        body: body.slice(0, 300),
        spells: session.spells.slice(-4),
      })
    })
  }
}

/** @returns how long before the request Graph may have ceased to say so */
function mostAge(
  { identity, directive }: Asked,
  { headers }: Got,
  version: number | null,
  isLastResort: boolean,
): number {
  const { freshForMs, staleWhileRevalidateMs, staleIfErrorMs, maxRetentionMs, notFoundForMs } = windows
  // Another caller's trip may have read Graph just before we came.
  const isHit = /; hit; /.test(String(headers['cache-status']))
  if (version === null) return (isHit ? notFoundForMs : deadlineMs) + slackMs
  if (identity.mayBypassCache === true && directive !== undefined) return directive.mostAgeMs
  if (isLastResort) return Math.min(freshForMs + staleIfErrorMs, maxRetentionMs) + slackMs
  return (isHit ? freshForMs + staleWhileRevalidateMs : deadlineMs) + slackMs
}

export const directives: readonly Directive[] = [
  { field: 'no-cache', mostAgeMs: 0 },
  { field: 'no-store', mostAgeMs: deadlineMs + slackMs },
  { field: 'max-age=1', mostAgeMs: 1_000 + deadlineMs + slackMs },
  { field: 'min-fresh=1', mostAgeMs: windows.freshForMs + deadlineMs + slackMs },
  { field: 'max-stale', mostAgeMs: windows.maxRetentionMs + slackMs },
  { field: 'max-stale=6', mostAgeMs: windows.freshForMs + 6_000 + slackMs },
  {
    field: 'only-if-cached',
    mostAgeMs: windows.freshForMs + windows.staleWhileRevalidateMs + slackMs,
  },
]

function reaches({ doneAt, workspaceId, sessionId }: Purge, { session, startedAt }: Asked): boolean {
  if (doneAt >= startedAt) return false
  if (workspaceId !== null && workspaceId !== session.workspaceId) return false
  return sessionId === null || sessionId === session.id
}

export function errorCodeOf({ status, headers, body }: Pick<Got, 'status' | 'headers' | 'body'>): string {
  if (status >= 400 && body === '') return '(HEAD)'
  if (status < 400) return /; hit; ttl=-/.test(String(headers['cache-status'])) ? 'stale' : cacheWord(headers)
  try {
    return String(JSON.parse(body).error.code)
  } catch {
    return ''
  }
}

function cacheWord(headers: Got['headers']): string {
  const status = String(headers['cache-status'])
  if (status.includes('; hit')) return 'fresh'
  if (status.includes('; detail=')) return 'last resort'
  return status.includes('collapsed') ? 'collapsed' : 'fetched'
}
