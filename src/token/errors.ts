import { GatewayError, withoutTokens } from '../errors.ts'

/** One exchange of our credential for an app-only token failed. The message is for the operator. */
export class ExchangeFailed extends Error {
  override readonly name = 'ExchangeFailed'
  /** How long Entra asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(message: string, options: ErrorOptions & { retryAfterMs?: number | undefined } = {}) {
    super(withoutTokens(message), options)
    this.retryAfterMs = options.retryAfterMs
  }
}

/** No app-only token can be had just now, so Graph cannot be asked. */
export class TokenUnavailable extends GatewayError {
  override readonly code = 'tokenUnavailable'
  override readonly status = 503
  override readonly proxyError = 'destination_unavailable'
  override readonly allowsLastResort = true
  override readonly retryAfterMs: number

  constructor(retryAfterMs: number, reason: string) {
    super('The gateway has no token for Microsoft Graph just now. Its operators know why; ask again.', reason)
    this.retryAfterMs = retryAfterMs
  }
}
