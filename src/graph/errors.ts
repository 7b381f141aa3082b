import { GatewayError, withoutTokens } from '../errors.ts'
import type { FailureKind } from '../outbound/index.ts'

/** After one failed trip the same question rests for so long, and longer each time it fails again. */
const firstBackOffMs = 1_000
/** What was refused would be refused again. */
const refusedBackOffMs = 10_000

/** Of what Graph says, in characters. */
const longestSaid = 300

/** Graph asked this application to slow down, or has failed too often just now: it is not asked for a while. */
export class GraphThrottled extends GatewayError {
  override readonly code = 'graphThrottled'
  override readonly status = 503
  override readonly proxyError = 'destination_unavailable'
  override readonly allowsLastResort = true
  override readonly retryAfterMs: number
  override readonly receivedStatus: number | undefined

  /** @param receivedStatus of the answer that shut the gate; absent when it was shut already */
  constructor(retryAfterMs: number, reason: string, receivedStatus?: number) {
    super('Microsoft Graph is not to be asked just now. Ask again after the time in Retry-After.', reason)
    this.retryAfterMs = retryAfterMs
    this.receivedStatus = receivedStatus
  }
}

/** As many calls to Graph as may be are under way, and there is no waiting for a turn that would come too late. */
export class GraphBusy extends GatewayError {
  override readonly code = 'graphBusy'
  override readonly status = 503
  override readonly proxyError = 'connection_limit_reached'
  override readonly allowsLastResort = true
  override readonly retryAfterMs = firstBackOffMs

  constructor(reason: string) {
    super('The gateway asks Microsoft Graph as much as it may just now. Ask again.', reason)
  }
}

/** Graph did not let this application read the session: a matter for the gateway's operators. */
export class GraphRefused extends GatewayError {
  override readonly code = 'graphRefused'
  override readonly status = 502
  override readonly proxyError = 'http_request_denied'
  override readonly backOffMs: number
  override readonly allowsLastResort: boolean
  override readonly receivedStatus: number

  constructor(reason: string, receivedStatus: number) {
    super('Microsoft Graph refused the gateway’s own request. Its operators know why.', reason)
    // A 401 is about our token. Anything else is about what was asked, and then what we kept of it is not ours to give.
    this.allowsLastResort = receivedStatus === 401
    this.backOffMs = this.allowsLastResort ? firstBackOffMs : refusedBackOffMs
    this.receivedStatus = receivedStatus
  }
}

/** Graph makes nothing of a query that it alone can judge: a filter, or where a page begins. */
export class GraphRejectedQuery extends GatewayError {
  override readonly code = 'graphRejectedQuery'
  override readonly status = 400

  /** @param said Graph's own words */
  constructor(said: string, reason: string) {
    super(`Microsoft Graph rejects this query: ${withoutTokens(said).slice(0, longestSaid)}`, reason)
  }
}

/** What Graph sent cannot be passed on: incomplete, not JSON, or not the session that was asked for. */
export class GraphAnswerInvalid extends GatewayError {
  override readonly code = 'graphAnswerInvalid'
  override readonly status = 502
  override readonly proxyError = 'http_protocol_error'
  override readonly backOffMs = firstBackOffMs
  override readonly allowsLastResort = true
  override readonly receivedStatus: number | undefined

  constructor(reason: string, receivedStatus?: number) {
    super('Microsoft Graph sent an answer that cannot be trusted, so it was not passed on.', reason)
    this.receivedStatus = receivedStatus
  }
}

/** Graph failed or could not be reached. */
export class GraphFailed extends GatewayError {
  override readonly code = 'graphFailed'
  override readonly status = 502
  override readonly proxyError: FailureKind | 'http_request_error'
  override readonly backOffMs = firstBackOffMs
  override readonly allowsLastResort = true
  override readonly receivedStatus: number | undefined

  constructor(
    kind: FailureKind | 'http_request_error',
    reason: string,
    options: ErrorOptions & { receivedStatus?: number } = {},
  ) {
    super('Microsoft Graph failed or could not be reached. Ask again.', reason, options)
    this.proxyError = kind
    this.receivedStatus = options.receivedStatus
  }
}

/** No answer came within the deadline. */
export class GraphTimedOut extends GatewayError {
  override readonly code = 'graphTimedOut'
  override readonly status = 504
  override readonly proxyError = 'http_response_timeout'
  override readonly backOffMs = firstBackOffMs
  override readonly allowsLastResort = true

  constructor(reason: string) {
    super('Microsoft Graph did not answer in time. Ask again.', reason)
  }
}

/** Nobody waited any more: before the question had gone out, or where its answer would not be kept. */
export class TripCancelled extends GatewayError {
  override readonly code = 'callerLeft'
  override readonly status = 499

  constructor() {
    super('Everybody who wanted this had left.')
  }
}
