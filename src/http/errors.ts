import { GatewayError } from '../errors.ts'

/** Not a request that this gateway can read safely; the connection is closed behind it. */
export class MalformedRequest extends GatewayError {
  override readonly code = 'invalidRequest'
  override readonly status = 400
  override readonly proxyError = 'http_request_error'
}

/** Reading is all that callers can do. */
export class MethodNotAllowed extends GatewayError {
  override readonly code = 'notAllowed'
  override readonly status = 405
  override readonly proxyError = 'http_request_error'
  /** The value of `Allow`. */
  readonly allowed: string

  constructor(allowed = 'GET, HEAD', message = 'This gateway only reads: use GET or HEAD.') {
    super(message)
    this.allowed = allowed
  }
}

/** The request has an `Expect` that cannot be met (RFC 9110 §10.1.1). */
export class ExpectationFailed extends GatewayError {
  override readonly code = 'expectationFailed'
  override readonly status = 417
  override readonly proxyError = 'http_request_error'

  constructor() {
    super('The gateway meets no expectation but 100-continue. Leave the Expect header out.')
  }
}

/** More requests have come than this replica can answer in time. Nothing has been done for this one. */
export class Overloaded extends GatewayError {
  override readonly code = 'overloaded'
  override readonly status = 503
  override readonly proxyError = 'proxy_internal_response'
  override readonly retryAfterMs: number

  constructor(retryAfterMs: number) {
    super('The gateway has more requests than it can answer in time. Ask again.')
    this.retryAfterMs = retryAfterMs
  }
}

/** The caller closed the connection before its answer; nothing can be sent. The status is for the record alone. */
export class CallerLeft extends GatewayError {
  override readonly code = 'callerLeft'
  override readonly status = 499

  constructor() {
    super('The caller left before the answer.')
  }
}

/** A fault of the gateway itself. The cause goes to the log, whole; the caller gets an id to ask about. */
export class InternalError extends GatewayError {
  override readonly code = 'internalError'
  override readonly status = 500
  override readonly proxyError = 'proxy_internal_error'

  constructor(cause: unknown) {
    super('The gateway failed. Its operators find the cause under this request-id.', undefined, { cause })
  }
}
