/**
 * One audit record: who asked what, what was decided and what left. One line of JSON, in ASCII.
 *
 * Never in it: a token, a secret, a session's display name. docs/reference/audit.md describes every field.
 *
 * @module
 */

export interface AuditRecord {
  readonly action: 'read' | 'purge'
  /** Epoch milliseconds at which the request arrived. */
  readonly time: number
  readonly durationMs: number
  /** Ours; also in the answer's `request-id`. */
  readonly requestId: string
  /** The caller's `client-request-id`, if it sent one. */
  readonly clientRequestId?: string | undefined
  /** The socket's other end. */
  readonly peer: string
  readonly caller?:
    | {
        readonly issuer: string
        readonly subject: string
        readonly tokenId?: string
        readonly workload?: {
          readonly namespace: string
          readonly serviceAccount: string
          readonly pod?: string
        }
      }
    | undefined
  readonly asked?:
    | {
        /** `null`, in a purge: every one. */
        readonly workspaceId: string | null
        readonly sessionId: string | null
        readonly select?: readonly string[] | null
      }
    | undefined
  /** The access rule that permitted the request. */
  readonly rule?: string | undefined
  /** HTTP status of the answer; 499 when the caller left before it. */
  readonly status: number
  /** What went wrong, with a code for programs and a reason for people. */
  readonly refusal?: { readonly code: string; readonly reason?: string | undefined } | undefined
  /** How the cache came by the answer. */
  readonly outcome?: string | undefined
  /** Why the answer is a last resort: the code of Graph's failure. */
  readonly graphFailure?: string | undefined
  /** The trip to Graph that brought or confirmed the answer, perhaps long ago. */
  readonly trip?: { readonly clientRequestId: string; readonly requestId?: string } | undefined
}

/** One line, newline included. */
export function formatRecord(record: AuditRecord): string {
  const { caller, asked, refusal, trip } = record
  return `${toAscii(
    JSON.stringify({
      type: 'audit',
      level: 'info',
      action: record.action,
      time: new Date(record.time).toISOString(),
      durationMs: Math.round(record.durationMs * 1000) / 1000,
      requestId: record.requestId,
      clientRequestId: record.clientRequestId,
      peer: record.peer,
      issuer: caller?.issuer,
      subject: caller?.subject,
      tokenId: caller?.tokenId,
      namespace: caller?.workload?.namespace,
      serviceAccount: caller?.workload?.serviceAccount,
      pod: caller?.workload?.pod,
      workspace: asked && (asked.workspaceId ?? '*'),
      session: asked && (asked.sessionId ?? '*'),
      select: asked?.select === null ? '*' : asked?.select,
      rule: record.rule,
      status: record.status,
      refusal: refusal?.code,
      reason: refusal?.reason,
      cache: record.outcome,
      graphFailure: record.graphFailure,
      graphClientRequestId: trip?.clientRequestId,
      graphRequestId: trip?.requestId,
    }),
  )}\n`
}

/** Every UTF-16 unit beyond ASCII as an escape: the trail writes bytes, and a log reader may guess any encoding. */
function toAscii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
