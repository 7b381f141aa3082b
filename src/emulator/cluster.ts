/**
 * What a Kubernetes API server tells about service-account tokens: two documents that say who signs them, and reviews.
 *
 * https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
 * https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
 *
 * @module
 */

import { STATUS_CODES } from 'node:http'
import type { EntraFault, Part, StatusFault } from './faults.ts'
import { json } from './server.ts'
import type { Answer, EmulatedRequest } from './server.ts'
import { type TokenReviewer, tokenReviewStatus } from './token-review.ts'

/** Names an address of the API server that pods cannot use, as on real clusters (here: RFC 5737, nowhere). */
const jwksUri = 'https://192.0.2.1:6443/openid/v1/jwks'
const reviewsPath = '/apis/authentication.k8s.io/v1/tokenreviews'

/** Below `/cluster`, and at the root, where pods that are told nothing but a host and a port look for it. */
export function isClusterPath(path: string): boolean {
  return (
    path.startsWith('/cluster/') ||
    path === '/.well-known/openid-configuration' ||
    path === '/openid/v1/jwks' ||
    path.startsWith('/apis/')
  )
}

export class Cluster implements Part {
  /** Whether the gateway's service account has the right to create tokenreviews. */
  mayReview = true
  reviews = 0
  readonly #podToken: string
  readonly #reviewer: TokenReviewer

  constructor(podToken: string, reviewer: TokenReviewer) {
    this.#podToken = podToken
    this.#reviewer = reviewer
  }

  answer(request: EmulatedRequest): Answer | Promise<Answer> {
    if (request.headers.authorization !== `Bearer ${this.#podToken}`) return status(401, 'Unauthorized')
    switch (`${request.method} ${request.path.replace(/^\/cluster/, '')}`) {
      case 'GET /.well-known/openid-configuration':
        return json(200, {
          issuer: this.#reviewer.issuerUrl,
          jwks_uri: jwksUri,
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['RS256'],
        })
      case 'GET /openid/v1/jwks':
        return json(200, this.#reviewer.keys.published(), { 'Content-Type': 'application/jwk-set+json' })
      case `POST ${reviewsPath}`:
        return this.#review(request.body)
      default:
        return status(404, 'NotFound', 'the server could not find the requested resource')
    }
  }

  async #review(body: Buffer): Promise<Answer> {
    if (!this.mayReview) {
      return status(
        403,
        'Forbidden',
        'tokenreviews.authentication.k8s.io is forbidden: User "system:serviceaccount:session-gateway:session-gateway" cannot create resource "tokenreviews" in API group "authentication.k8s.io" at the cluster scope',
      )
    }
    const review = parsed(body)
    const spec = review?.['spec']
    if (review?.['kind'] !== 'TokenReview' || typeof spec !== 'object' || spec === null) {
      return status(400, 'BadRequest', 'the object provided is not a TokenReview')
    }
    this.reviews += 1
    return json(201, {
      kind: 'TokenReview',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { creationTimestamp: null },
      spec,
      status: await tokenReviewStatus({ ...spec }, this.#reviewer),
    })
  }

  refuse(_request: EmulatedRequest, fault: StatusFault | EntraFault): Answer {
    if (fault.kind !== 'status') return status(500, 'InternalError')
    const reason = fault.code ?? (STATUS_CODES[fault.status] ?? '').replaceAll(' ', '')
    const answer = status(fault.status, reason, fault.message)
    if (fault.retryAfter === undefined) return answer
    return { ...answer, headers: { ...answer.headers, 'Retry-After': fault.retryAfter } }
  }
}

function parsed(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString())
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
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
