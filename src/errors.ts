/**
 * The errors that end a request. Each is a noun of what happened; the room it happened in defines it, and
 * `http/answer.ts` turns every one of them into an answer in the same way.
 *
 * @module
 */

/** In characters: a reason may quote what somebody else sent, and goes to the log and the record. */
const longestReason = 512

export abstract class GatewayError extends Error {
  /** Stable, for programs: `error.code` of the answer's body (Graph's error envelope). */
  abstract readonly code: string
  /** HTTP status of the answer. */
  abstract readonly status: number
  /** RFC 9209 §2.3 error type, when it was this gateway and not Graph that refused or failed. */
  readonly proxyError: string | undefined = undefined
  /** When asking again makes sense, in milliseconds from now; sent as `Retry-After` in whole seconds. */
  readonly retryAfterMs: number | undefined = undefined
  /** How long the same question is better not asked again, in milliseconds; longer when it goes on failing. */
  readonly backOffMs: number | undefined = undefined
  /**
   * Whether an answer kept from earlier may be given instead (RFC 5861 §4): the failure says nothing about what was
   * asked. Where it does, what is kept is not given any more either.
   */
  readonly allowsLastResort: boolean = false
  /** The status that Graph answered with, where it answered at all (RFC 9209 §2.1.4, RFC 9211 §2.3). */
  readonly receivedStatus: number | undefined = undefined
  /** What the operator reads, and the caller does not. Never a secret or a token. */
  readonly reason: string | undefined

  /**
   * @param message what the caller is told, and what to do about it
   * @param reason what only the log and the audit record say
   */
  constructor(message: string, reason?: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.reason = reason === undefined ? undefined : withoutTokens(reason).slice(0, longestReason)
  }
}

/** Servers repeat in their errors what they have been sent, and callers put anything into a claim. */
export function withoutTokens(text: string): string {
  return text.replace(jwt, '[redacted]')
}

/** `eyJ` is how every JSON object that begins with `{"` begins in base64url: a JWT, or as much of one as is left. */
const jwt = /eyJ[\w-]{7,}(?:\.[\w-]*)*/g

/** The gateway cannot start, for a reason that the operator can mend: the message names the key and what to do. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure'
}

/** What was thrown, in its own words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
