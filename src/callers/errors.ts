import { GatewayError } from '../errors.ts'

/** The caller showed no identity, or one that does not hold. Why, only the log and the record say. */
export class Unauthenticated extends GatewayError {
  override readonly code = 'unauthenticated'
  override readonly status = 401
  override readonly proxyError = 'http_request_denied'
  /** Whether a bearer token was shown at all, or tried to be (RFC 6750 §3.1). */
  readonly hasToken: boolean

  constructor(reason: string, hasToken = true) {
    super(
      'Send a token of a trusted issuer, made for this gateway, as "Authorization: Bearer <token>".',
      reason,
    )
    this.hasToken = hasToken
  }
}

/** The caller's issuer does not give us its keys, or not those of today, so the token can be neither believed nor refused. */
export class IssuerUnavailable extends GatewayError {
  override readonly code = 'issuerUnavailable'
  override readonly status = 503
  override readonly proxyError = 'destination_unavailable'
  override readonly retryAfterMs = 5_000

  constructor(reason: string) {
    super('The keys of the token’s issuer cannot be had just now. Ask again.', reason)
  }
}

/** The API server was to say whether the token still holds, and did not. */
export class TokenReviewUnavailable extends GatewayError {
  override readonly code = 'tokenReviewUnavailable'
  override readonly status = 503
  override readonly proxyError = 'destination_unavailable'
  override readonly retryAfterMs = 5_000

  constructor(reason: string) {
    super('The cluster cannot say just now whether your token still holds. Ask again.', reason)
  }
}
