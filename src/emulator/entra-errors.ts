/**
 * Entra's error bodies: an AADSTS number, its text, and the OAuth error and HTTP status that go with it.
 *
 * Texts and pairings as users have recorded them; Microsoft documents only the numbers and the body's shape
 * (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { StatusFault } from './faults.ts'
import { json, text } from './server.ts'
import type { Answer, EmulatedRequest } from './server.ts'

/** A token request that Entra refuses. */
export class EntraRefusal extends Error {
  readonly aadsts: number

  /** @param detail the text, where it names what was sent; else the usual one for that number */
  constructor(aadsts: number, detail?: string) {
    super(detail ?? known[aadsts]?.[2] ?? 'An error occurred while processing the request.')
    this.aadsts = aadsts
  }
}

const badRequest = ['invalid_request', 400] as const
const badClient = ['invalid_client', 401] as const
const unavailable = ['temporarily_unavailable', 503] as const

const known: Readonly<Record<number, readonly [error: string, status: number, text: string]>> = {
  50027: [...badRequest, 'JWT token is invalid or malformed.'],
  50034: ['invalid_grant', 400, 'The user account does not exist in the directory.'],
  50166: [...badRequest, 'Request to External OIDC endpoint failed.'],
  53003: [
    'invalid_grant',
    400,
    'Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.',
  ],
  70003: [
    'unsupported_grant_type',
    400,
    "The app requested an unsupported grant type. Only 'client_credentials' works here.",
  ],
  70011: [
    'invalid_scope',
    400,
    "The provided request must include a 'scope' input parameter. The provided value is not valid.",
  ],
  70021: [...badRequest, 'No matching federated identity record found for presented assertion.'],
  90002: [
    ...badRequest,
    'Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.',
  ],
  90024: [...unavailable, 'RequestBudgetExceededError - A transient error has occurred. Please try again.'],
  90033: [...unavailable, 'A transient error has occurred. Please try again.'],
  90055: ['temporarily_unavailable', 429, 'TenantThrottlingError - There are too many incoming requests.'],
  90061: [...badRequest, 'Request to External OIDC endpoint failed.'],
  90090: [...unavailable, 'A dependency of the service is not available. Please try again.'],
  100007: [
    ...badRequest,
    'AAD Regional ONLY supports auth either for MSIs or for requests from MSAL using SN+I for 1P apps or 3P apps hosted in Microsoft infrastructure tenants.',
  ],
  501661: [...badRequest, 'Request to External OIDC endpoint failed.'],
  500011: ['invalid_resource', 400, 'The resource principal was not found in the tenant.'],
  700016: [
    'unauthorized_client',
    400,
    'Application was not found in the directory. You may have sent your authentication request to the wrong tenant.',
  ],
  700021: [...badClient, "Client assertion application identifier doesn't match 'client_id' parameter."],
  700023: [...badClient, 'Client assertion audience claim does not match Realm issuer.'],
  700024: [...badClient, 'Client assertion is not within its valid time range.'],
  700027: [
    ...badClient,
    'The certificate with identifier used to sign the client assertion is not registered on application, or client assertion failed signature validation.',
  ],
  700211: [...badClient, 'No matching federated identity record found for presented assertion issuer.'],
  700212: [...badClient, 'No matching federated identity record found for presented assertion audience.'],
  700213: [...badClient, 'No matching federated identity record found for presented assertion subject.'],
  900144: [...badRequest, 'The request body must contain the following parameter.'],
  900561: ['invalid_request', 405, 'The endpoint only accepts POST requests. Received a different one.'],
  7000112: ['unauthorized_client', 400, 'Application is disabled.'],
  7000215: [
    ...badClient,
    'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to the app.',
  ],
  7000218: [
    ...badClient,
    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  ],
  7000222: [
    ...badClient,
    'The provided client secret keys for the app are expired. Visit the Azure portal to create new keys for your app.',
  ],
  9000411: [...badRequest, 'The request is not properly formatted. A parameter is duplicated.'],
  9002313: [...badRequest, 'Invalid request. Request is malformed or invalid.'],
}

export function refusalAnswer(request: EmulatedRequest, refusal: EntraRefusal, now: number): Answer {
  const [error, status] = known[refusal.aadsts] ?? badRequest
  return errorAnswer(request, status, error, refusal.message, refusal.aadsts, now)
}

/** What a `status` fault at the token endpoint looks like; throttling comes without a JSON body at times. */
export function statusAnswer(request: EmulatedRequest, fault: StatusFault, now: number): Answer {
  const retryAfter = fault.retryAfter === undefined ? {} : { 'Retry-After': fault.retryAfter }
  if (fault.code === 'plain') {
    return text(fault.status, fault.message ?? STATUS_CODES[fault.status] ?? '', retryAfter)
  }
  const isTransient = fault.status === 429 || fault.status >= 500
  const aadsts = fault.status === 429 ? 90055 : isTransient ? 90033 : 9002313
  const [error = 'invalid_request', , description = ''] = known[aadsts] ?? []
  const answer = errorAnswer(
    request,
    fault.status,
    fault.code ?? error,
    fault.message ?? description,
    aadsts,
    now,
  )
  return { ...answer, headers: { ...answer.headers, ...retryAfter } }
}

function errorAnswer(
  request: EmulatedRequest,
  status: number,
  error: string,
  description: string,
  aadsts: number,
  now: number,
): Answer {
  const traceId = randomUUID()
  const correlationId = correlationIdOf(request)
  const timestamp = `${new Date(now).toISOString().slice(0, 19).replace('T', ' ')}Z`
  return json(
    status,
    {
      error,
      error_description: `AADSTS${aadsts}: ${description} Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`,
      error_codes: [aadsts],
      timestamp,
      trace_id: traceId,
      correlation_id: correlationId,
      error_uri: `https://login.microsoftonline.com/error?code=${aadsts}`,
    },
    tokenEndpointHeaders(traceId, correlationId),
  )
}

/** Of every answer with a body of JSON: RFC 6749 §5.1 asks for `no-store`. */
export function tokenEndpointHeaders(traceId: string, correlationId: string): Record<string, string> {
  return {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store, no-cache',
    Pragma: 'no-cache',
    Expires: '-1',
    'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
    'X-Content-Type-Options': 'nosniff',
    'x-ms-request-id': traceId,
    'client-request-id': correlationId,
  }
}

/** The caller's `client-request-id`: MSAL sends it in the URL's query and in the form. */
export function correlationIdOf(request: EmulatedRequest): string {
  const header = request.headers['client-request-id']
  const sent =
    request.query.get('client-request-id') ??
    new URLSearchParams(request.body.toString()).get('client-request-id') ??
    (typeof header === 'string' ? header : '')
  return /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(sent) ? sent : randomUUID()
}
