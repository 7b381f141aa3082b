import { GatewayError } from '../errors.ts'

/** No rule lets this caller read this. */
export class AccessDenied extends GatewayError {
  override readonly code = 'accessDenied'
  override readonly status = 403
  override readonly proxyError = 'http_request_denied'
}

/** The caller has used up what its rule allows for now. */
export class RateExceeded extends GatewayError {
  override readonly code = 'tooManyRequests'
  override readonly status = 429
  override readonly proxyError = 'http_request_denied'
  override readonly retryAfterMs: number
  /** The rule that permits the request, and whose rate it is. */
  readonly rule: string

  constructor(rule: string, retryAfterMs: number) {
    super(
      'You ask more often than your access rule allows. Ask again after the time in Retry-After.',
      `rule ${rule}`,
    )
    this.rule = rule
    this.retryAfterMs = retryAfterMs
  }
}
