/**
 * The metadata service of an Azure machine (IMDS), as far as managed identities go: plain http, on an address of its own.
 *
 * https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
 *
 * @module
 */

import type { AccessTokens } from './access-tokens.ts'
import type { EntraFault, Part, StatusFault } from './faults.ts'
import { json, text } from './server.ts'
import type { Answer, EmulatedRequest } from './server.ts'

/** An identity that is assigned to the machine. */
export interface ManagedIdentity {
  readonly assigned: 'system' | 'user'
  readonly clientId: string
  /** Of its tokens; those of the emulated application unless told. */
  readonly roles?: readonly string[]
}

export interface ImdsOptions {
  readonly tokens: AccessTokens
  readonly clientId: string
  readonly roles: () => readonly string[]
  readonly now: () => number
}

interface Kept {
  readonly token: string
  readonly notBefore: number
  readonly expiresOn: number
}

/** Of a token that it keeps, this much must be left, or it fetches another. */
const renewsBelowSeconds = 300

/** Roles are Graph's. */
const resources = ['https://graph.microsoft.com', 'https://redis.azure.com']

/** A question that it refuses. */
class ImdsRefusal extends Error {
  readonly status: number
  readonly error: string

  constructor(description: string, error = 'invalid_request', status = 400) {
    super(description)
    this.error = error
    this.status = status
  }
}

export class Imds implements Part {
  identities: readonly ManagedIdentity[]
  tokenLifetimeSeconds = 86_400
  readonly #options: ImdsOptions
  readonly #kept = new Map<string, Kept>()

  constructor(options: ImdsOptions) {
    this.#options = options
    this.identities = [{ assigned: 'system', clientId: options.clientId }]
  }

  async answer(request: EmulatedRequest): Promise<Answer> {
    try {
      if (request.path !== '/metadata/identity/oauth2/token') return text(404, '', headers)
      const resource = this.#check(request)
      const identity = this.#choose(request.query)
      const { token, notBefore, expiresOn } = await this.#tokenOf(identity, resource)
      const expiresIn = String(expiresOn - this.#seconds())
      return json(
        200,
        {
          access_token: token,
          client_id: identity.clientId,
          expires_in: expiresIn,
          expires_on: String(expiresOn),
          ext_expires_in: expiresIn,
          not_before: String(notBefore),
          resource,
          token_type: 'Bearer',
        },
        headers,
      )
    } catch (error) {
      if (error instanceof ImdsRefusal) return refusal(error.status, error.error, error.message)
      throw error
    }
  }

  refuse(_request: EmulatedRequest, fault: StatusFault | EntraFault): Answer {
    if (fault.kind === 'entraError') throw new TypeError('entraError is for token')
    const {
      status,
      code = 'unknown',
      message = 'Failed to retrieve token from the Active directory.',
    } = fault
    const answer = refusal(status, code, message)
    const retryAfter = fault.retryAfter === undefined ? {} : { 'Retry-After': fault.retryAfter }
    return { ...answer, headers: { ...answer.headers, ...retryAfter } }
  }

  /** The next token of each identity is a new one, as it is after a day. */
  forgetTokens(): void {
    this.#kept.clear()
  }

  /** @returns the resource that was asked for */
  #check(request: EmulatedRequest): string {
    if (request.method !== 'GET') throw new ImdsRefusal('Method not allowed', 'invalid_request', 405)
    if (String(request.headers['metadata']).toLowerCase() !== 'true') {
      throw new ImdsRefusal('Required metadata header not specified')
    }
    // Whoever is led here by somebody else (a proxy, a forged request) brings one.
    if (request.headers['x-forwarded-for'] !== undefined) {
      throw new ImdsRefusal('Request contains an X-Forwarded-For header')
    }
    if (request.query.get('api-version') !== '2018-02-01') {
      throw new ImdsRefusal("Required query variable 'api-version' is missing or not supported")
    }
    const resource = request.query.get('resource') ?? ''
    if (resource === '') throw new ImdsRefusal("Required audience parameter 'resource' not specified")
    if (!resources.includes(resource)) {
      throw new ImdsRefusal(
        `AADSTS500011: The resource principal named ${resource} was not found in the tenant.`,
        'invalid_resource',
      )
    }
    return resource
  }

  #choose(query: URLSearchParams): ManagedIdentity {
    const named = query.get('client_id')?.toLowerCase()
    const users = this.identities.filter(({ assigned }) => assigned === 'user')
    const system = this.identities.find(({ assigned }) => assigned === 'system')
    const found =
      named === undefined
        ? (system ?? users[0])
        : users.find(({ clientId }) => clientId.toLowerCase() === named)
    if (found === undefined) throw new ImdsRefusal('Identity not found')
    if (named === undefined && system === undefined && users.length > 1) {
      throw new ImdsRefusal(
        'Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request',
      )
    }
    return found
  }

  /** The one that it keeps, until that is nearly over: grants and revocations are not seen before. */
  async #tokenOf(
    { clientId, roles = this.#options.roles() }: ManagedIdentity,
    resource: string,
  ): Promise<Kept> {
    const name = `${clientId} ${resource}`
    const kept = this.#kept.get(name)
    const notBefore = this.#seconds()
    if (kept !== undefined && kept.expiresOn - notBefore >= renewsBelowSeconds) return kept
    const lifetime = this.tokenLifetimeSeconds
    const token = await this.#options.tokens.issue(
      resource === resources[0] ? roles : [],
      lifetime,
      this.#options.now(),
      clientId,
      resource,
    )
    const fresh = { token, notBefore, expiresOn: notBefore + lifetime }
    this.#kept.set(name, fresh)
    return fresh
  }

  #seconds(): number {
    return Math.floor(this.#options.now() / 1000)
  }
}

const headers = { Server: 'IMDS/150.870.65.1854', 'Content-Type': 'application/json; charset=utf-8' }

function refusal(status: number, error: string, description: string): Answer {
  return json(status, { error, error_description: description }, headers)
}
