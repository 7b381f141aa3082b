import { GatewayError } from '../errors.ts'

/** The record of an answer cannot be handed over, so the answer may not leave. */
export class AuditUnavailable extends GatewayError {
  override readonly code = 'auditUnavailable'
  override readonly status = 503
  override readonly proxyError = 'proxy_internal_error'
  override readonly retryAfterMs = 1_000
  /** The trail has the record of the answer that is withheld now, and may write it yet. */
  readonly isRecorded: boolean

  constructor(reason: string, { isRecorded = false } = {}) {
    super('The gateway cannot record this request, so it does not answer it. Ask again.', reason)
    this.isRecorded = isRecorded
  }
}
