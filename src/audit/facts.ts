/**
 * What a record is made of: who asked what, what was decided and what left.
 *
 * @module
 */

export interface AuditCaller {
  readonly issuer: string
  readonly subject: string
  readonly tokenId?: string
  readonly workload?: {
    readonly namespace: string
    readonly serviceAccount: string
    readonly pod?: string
    readonly podUid?: string
  }
}

export interface AuditRecord {
  readonly action: 'read' | 'purge'
  /** Epoch milliseconds at which the request arrived. */
  readonly time: number
  readonly durationMs: number
  /** Ours; also in the answer's `request-id`. */
  readonly requestId: string
  /** The caller's `client-request-id`, if it sent one; letters, digits, `.`, `_` and `-`. */
  readonly clientRequestId?: string | undefined
  readonly method?: string | undefined
  /** The socket's other end, or whom trusted proxies saw at theirs. */
  readonly peer: {
    readonly ip?: string | undefined
    readonly port?: number | undefined
    readonly proxies?: readonly string[] | undefined
  }
  /** The same object for the same caller, request after request: what it becomes is made once. */
  readonly caller?: AuditCaller | undefined
  /** Ids and names of the canonical form: nothing in them needs escaping. */
  readonly asked?: AskedSession | AskedOther | undefined
  /** The access rule that permitted the request. */
  readonly rule?: string | undefined
  /** HTTP status of the answer; 499 when the caller left before it. */
  readonly status: number
  /** What went wrong, with a code for programs and a reason for people. */
  readonly refusal?: { readonly code: string; readonly reason?: string | undefined } | undefined
  /** What became of an answer that has a record already: it did not leave after all, or broke off. */
  readonly fate?: 'withheld' | 'cut' | undefined
  /** How the cache came by the answer. */
  readonly outcome?: string | undefined
  /** Why the answer is a last resort: the code of Graph's failure. */
  readonly graphFailure?: string | undefined
  /** The trip to Graph that brought or confirmed the answer, perhaps long ago. */
  readonly trip?: { readonly clientRequestId: string; readonly requestId?: string } | undefined
  /** So many alike, of which this is the first. */
  readonly repeated?: Repeated | undefined
}

export interface AskedSession {
  /** `null`, in a purge: every one. */
  readonly workspaceId: string | null
  readonly sessionId: string | null
  /** `null`: every property. Absent in a purge. */
  readonly select?: readonly string[] | null
}

/** A read that is not of one session. */
export interface AskedOther {
  /** As in `prompt.list`. */
  readonly operation: string
  /** `null`: in none of them. */
  readonly workspaceId: string | null
  /** What was read, and before it what that belongs to, below the workspace; `*` is each one. */
  readonly resources: readonly { readonly type: string; readonly uid: string }[]
  /** `null`: every property. */
  readonly select: readonly string[] | null
  /** That there was a filter. What it said is not recorded: it may hold what sessions hold. */
  readonly isFiltered: boolean
  readonly top?: number | undefined
  /** Not the first page. */
  readonly isNextPage: boolean
}

export interface Repeated {
  readonly count: number
  /** Epoch milliseconds of the first and of the last. */
  readonly from: number
  readonly until: number
}
