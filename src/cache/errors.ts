import { GatewayError } from '../errors.ts'

/** `only-if-cached`, and nothing in the cache will do (RFC 9111 §5.2.1.7). */
export class NotCached extends GatewayError {
  override readonly code = 'notCached'
  override readonly status = 504

  constructor() {
    super('The cache has no answer that will do, and only-if-cached forbids asking Microsoft Graph.')
  }
}
