/**
 * The two documents of the Kubernetes API server that tell who signs service-account tokens.
 *
 * https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
 *
 * @module
 */

import { STATUS_CODES } from 'node:http'
import type { EntraFault, Part, StatusFault } from './faults.ts'
import { json } from './server.ts'
import type { Answer, EmulatedRequest } from './server.ts'
import type { SigningKeys } from './signing-keys.ts'

/** Names an address of the API server that pods cannot use, as on real clusters (here: RFC 5737, nowhere). */
const jwksUri = 'https://192.0.2.1:6443/openid/v1/jwks'

export class Cluster implements Part {
  readonly #issuerUrl: string
  readonly #podToken: string
  readonly #keys: SigningKeys

  constructor(issuerUrl: string, podToken: string, keys: SigningKeys) {
    this.#issuerUrl = issuerUrl
    this.#podToken = podToken
    this.#keys = keys
  }

  answer(request: EmulatedRequest): Answer {
    if (request.headers.authorization !== `Bearer ${this.#podToken}`) return status(401, 'Unauthorized')
    switch (request.path) {
      case '/cluster/.well-known/openid-configuration':
        return json(200, {
          issuer: this.#issuerUrl,
          jwks_uri: jwksUri,
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['RS256'],
        })
      case '/cluster/openid/v1/jwks':
        return json(200, this.#keys.published(), { 'Content-Type': 'application/jwk-set+json' })
      default:
        return status(404, 'NotFound', 'the server could not find the requested resource')
    }
  }

  refuse(_request: EmulatedRequest, fault: StatusFault | EntraFault): Answer {
    if (fault.kind !== 'status') return status(500, 'InternalError')
    const reason = fault.code ?? (STATUS_CODES[fault.status] ?? '').replaceAll(' ', '')
    const answer = status(fault.status, reason, fault.message)
    if (fault.retryAfter === undefined) return answer
    return { ...answer, headers: { ...answer.headers, 'Retry-After': fault.retryAfter } }
  }
}

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
function status(code: number, reason: string, message = reason): Answer {
  return json(code, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    code,
  })
}
