import { errors } from 'undici'

/** Why an exchange with another server did not end in a whole response: RFC 9209 §2.3 error types. */
export type FailureKind =
  | 'dns_error'
  | 'connection_refused'
  | 'connection_timeout'
  | 'connection_terminated'
  | 'tls_certificate_error'
  | 'tls_protocol_error'
  | 'http_response_timeout'
  | 'http_response_incomplete'
  | 'http_response_body_size'
  | 'http_response_header_section_size'
  | 'http_protocol_error'
  | 'destination_unavailable'
  | 'proxy_configuration_error'

export class OutboundFailure extends Error {
  override readonly name = 'OutboundFailure'
  readonly kind: FailureKind

  constructor(kind: FailureKind, origin: string, options?: ErrorOptions) {
    // Node advises on flags of Node, which is not how this program is set up.
    const cause =
      options?.cause instanceof Error ? `: ${options.cause.message.split('; if the root CA', 1)[0]}` : ''
    const remedy =
      kind === 'tls_certificate_error'
        ? '. A private authority is given in outbound.caFile, a cluster’s in issuers.<name>.caFile'
        : ''
    super(`${origin}: ${kind.replaceAll('_', ' ')}${cause}${remedy}`, options)
    this.kind = kind
  }
}

/** @param receiving whether the response's head had arrived */
export function asFailure(error: unknown, origin: string, receiving = false): OutboundFailure {
  if (error instanceof OutboundFailure) return error
  return new OutboundFailure(failureKind(error, receiving), origin, { cause: error })
}

export function failureKind(error: unknown, receiving: boolean): FailureKind {
  const code = errorCode(error)
  if (error instanceof errors.ConnectTimeoutError || code === 'ETIMEDOUT') return 'connection_timeout'
  if (error instanceof errors.HeadersOverflowError) return 'http_response_header_section_size'
  if (error instanceof errors.HTTPParserError || code.startsWith('HPE_')) {
    return code === 'HPE_HEADER_OVERFLOW' ? 'http_response_header_section_size' : 'http_protocol_error'
  }
  if (error instanceof errors.ResponseContentLengthMismatchError) return 'http_protocol_error'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'dns_error'
  if (code === 'ECONNREFUSED') return 'connection_refused'
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return 'destination_unavailable'
  if (certificateProblem.test(code)) return 'tls_certificate_error'
  if (code.startsWith('ERR_SSL') || code === 'EPROTO') return 'tls_protocol_error'
  return receiving ? 'http_response_incomplete' : 'connection_terminated'
}

/** OpenSSL's verification results, by Node's names for them. */
const certificateProblem = /CERT|UNABLE_TO_|SELF_SIGNED|ALTNAME|CRL_|INVALID_CA|PATH_LENGTH|HOSTNAME_MISMATCH/

/** The nearest `code` among the error and its causes; several attempts (one an address) speak through their first. */
function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return ''
  if ('code' in error && typeof error.code === 'string' && !error.code.startsWith('UND_')) return error.code
  return errorCode(error instanceof AggregateError ? error.errors[0] : error.cause)
}
