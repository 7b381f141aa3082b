import { GatewayError } from '../errors.ts'

/** `only-if-cached`, and nothing in the cache will do (RFC 9111 §5.2.1.7). */
export class NotCached extends GatewayError {
  override readonly code = 'notCached'
  override readonly status = 504

  constructor() {
    super('The cache has no answer that will do, and only-if-cached forbids asking Microsoft Graph.')
  }
}

/** What a failure says of what was asked, apart from the trip that met it. */
export type Told = Pick<
  GatewayError,
  | 'code'
  | 'status'
  | 'message'
  | 'reason'
  | 'proxyError'
  | 'allowsLastResort'
  | 'receivedStatus'
  | 'retryAfterMs'
  | 'backOffMs'
>

/** A failure told again, to whoever was not on the trip that met it. */
class ToldAgain extends GatewayError {
  override readonly code: string
  override readonly status: number
  override readonly proxyError: string | undefined
  override readonly allowsLastResort: boolean
  override readonly receivedStatus: number | undefined
  override readonly retryAfterMs: number | undefined
  override readonly backOffMs: number | undefined

  constructor(failure: Told, from: string) {
    super(failure.message, `${from}: ${failure.reason ?? failure.code}`)
    this.code = failure.code
    this.status = failure.status
    this.proxyError = failure.proxyError
    this.allowsLastResort = failure.allowsLastResort
    this.receivedStatus = failure.receivedStatus
    this.retryAfterMs = failure.retryAfterMs
    this.backOffMs = failure.backOffMs
  }
}

/** The failure of an earlier trip: it is too early for another. */
export class StillFailing extends ToldAgain {
  constructor(failure: GatewayError, restsForMs: number) {
    const told = { ...tellable(failure), receivedStatus: undefined, backOffMs: undefined }
    super({ ...told, retryAfterMs: restsForMs }, 'not asked again yet, since')
  }
}

/** The failure of a trip that another replica has made for all. */
export class FailedElsewhere extends ToldAgain {
  constructor(failure: Told) {
    super(failure, 'on another replica')
  }
}

/** Its fields as they are: an error's own are not all enumerable. */
export function tellable(failure: GatewayError): Told {
  const { code, status, message, reason, proxyError, allowsLastResort } = failure
  const { receivedStatus, retryAfterMs, backOffMs } = failure
  return {
    code,
    status,
    message,
    reason,
    proxyError,
    allowsLastResort,
    receivedStatus,
    retryAfterMs,
    backOffMs,
  }
}

/** This replica has purged, and could not tell the others in time. */
export class PurgeNotShared extends GatewayError {
  override readonly code = 'purgeNotShared'
  override readonly status = 503
  override readonly retryAfterMs = 1_000

  constructor(reason: string) {
    super(
      'This replica has purged; the others could not be told yet, since the shared cache cannot be reached. This replica goes on telling them for as long as it runs. Ask again until it is confirmed, or purge each replica.',
      reason,
    )
  }
}
