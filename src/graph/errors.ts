import { GatewayError } from '../errors.ts'
import type { FailureKind } from '../outbound/index.ts'

/** Graph asked this application to slow down, or has failed too often just now: it is not asked for a while. */
export class GraphThrottled extends GatewayError {
  override readonly code = 'graphThrottled'
  override readonly status = 503
  override readonly proxyError = 'destination_unavailable'
  override readonly retryAfterMs: number

  constructor(retryAfterMs: number, reason: string) {
    super('Microsoft Graph is not to be asked just now. Ask again after the time in Retry-After.', reason)
    this.retryAfterMs = retryAfterMs
  }
}

/** Graph did not let this application read the session: a matter for the gateway's operators. */
export class GraphRefused extends GatewayError {
  override readonly code = 'graphRefused'
  override readonly status = 502
  override readonly proxyError = 'http_request_denied'
  /** Asking the same again at once would be refused again. */
  override readonly backOffMs = 10_000

  constructor(reason: string) {
    super('Microsoft Graph refused the gateway’s own request. Its operators know why.', reason)
  }
}

/** What Graph sent cannot be passed on: incomplete, not JSON, or not the session that was asked for. */
export class GraphAnswerInvalid extends GatewayError {
  override readonly code = 'graphAnswerInvalid'
  override readonly status = 502
  override readonly proxyError = 'http_protocol_error'

  constructor(reason: string) {
    super('Microsoft Graph sent an answer that cannot be trusted, so it was not passed on.', reason)
  }
}

/** Graph failed or could not be reached. */
export class GraphFailed extends GatewayError {
  override readonly code = 'graphFailed'
  override readonly status = 502
  override readonly proxyError: FailureKind | 'http_request_error'

  constructor(kind: FailureKind | 'http_request_error', reason: string, options?: ErrorOptions) {
    super('Microsoft Graph failed or could not be reached. Ask again.', reason, options)
    this.proxyError = kind
  }
}

/** No answer came within the deadline. */
export class GraphTimedOut extends GatewayError {
  override readonly code = 'graphTimedOut'
  override readonly status = 504
  override readonly proxyError = 'http_response_timeout'

  constructor(reason: string) {
    super('Microsoft Graph did not answer in time. Ask again.', reason)
  }
}
