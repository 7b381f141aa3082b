/**
 * Entra ID for one tenant and one application: the client-credentials grant for Graph, and for Redis.
 *
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import type { AccessTokens } from './access-tokens.ts'
import type { ClientAssertions } from './client-assertions.ts'
import {
  correlationIdOf,
  EntraRefusal,
  refusalAnswer,
  statusAnswer,
  tokenEndpointHeaders,
} from './entra-errors.ts'
import type { EntraFault, Part, StatusFault } from './faults.ts'
import { json } from './server.ts'
import type { Answer, EmulatedRequest } from './server.ts'
import type { SigningKeys } from './signing-keys.ts'

export interface EntraOptions {
  readonly tenantId: string
  readonly clientId: string
  readonly clientSecret: string
  readonly keys: SigningKeys
  readonly tokens: AccessTokens
  readonly assertions: ClientAssertions
  readonly now: () => number
}

/** Scope → whom its tokens are for. */
const audiences: Readonly<Record<string, string>> = {
  'https://graph.microsoft.com/.default': 'https://graph.microsoft.com',
  'https://redis.azure.com/.default': 'https://redis.azure.com',
}
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** The token endpoint. */
export class Entra implements Part {
  roles: string[] = ['SecurityCopilotWorkspaces.Read.All']
  tokenLifetimeSeconds = 3599
  exchanges = 0
  readonly #options: EntraOptions

  constructor(options: EntraOptions) {
    this.#options = options
  }

  async answer(request: EmulatedRequest): Promise<Answer> {
    try {
      const { tokens, now } = this.#options
      const audience = await this.#check(request)
      const expiresIn = this.tokenLifetimeSeconds
      const token = await tokens.issue(
        audience === 'https://graph.microsoft.com' ? this.roles : [],
        expiresIn,
        now(),
        undefined,
        audience,
      )
      this.exchanges += 1
      return json(
        200,
        { token_type: 'Bearer', expires_in: expiresIn, ext_expires_in: expiresIn, access_token: token },
        tokenEndpointHeaders(randomUUID(), correlationIdOf(request)),
      )
    } catch (error) {
      if (error instanceof EntraRefusal) return refusalAnswer(request, error, this.#options.now())
      throw error
    }
  }

  refuse(request: EmulatedRequest, fault: StatusFault | EntraFault): Answer {
    return fault.kind === 'status'
      ? statusAnswer(request, fault, this.#options.now())
      : refusalAnswer(request, new EntraRefusal(fault.aadsts), this.#options.now())
  }

  /** The endpoints beside the token endpoint: the tenant's metadata and keys. No fault meets them. */
  metadata(request: EmulatedRequest): Answer | undefined {
    const [, tenant = '', ...rest] = request.path.split('/')
    const document = rest.join('/')
    if (document === 'v2.0/.well-known/openid-configuration') {
      if (this.#isUnknown(tenant)) return this.refuse(request, { kind: 'entraError', aadsts: 90002 })
      return json(200, this.#configuration(originOf(request)))
    }
    if (document === 'discovery/v2.0/keys') return json(200, this.#options.keys.published())
    return undefined
  }

  #configuration(origin: string): Record<string, unknown> {
    const tenant = `${origin}/${this.#options.tenantId}`
    return {
      token_endpoint: `${tenant}/oauth2/v2.0/token`,
      token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'],
      jwks_uri: `${tenant}/discovery/v2.0/keys`,
      response_modes_supported: ['query', 'fragment', 'form_post'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
      issuer: `${tenant}/v2.0`,
      authorization_endpoint: `${tenant}/oauth2/v2.0/authorize`,
      tenant_region_scope: 'EU',
      cloud_instance_name: 'microsoftonline.com',
    }
  }

  #isUnknown(tenant: string): boolean {
    return tenant.toLowerCase() !== this.#options.tenantId.toLowerCase()
  }

  /** @returns whom a token is asked for */
  async #check(request: EmulatedRequest): Promise<string> {
    if (request.method !== 'POST') {
      throw new EntraRefusal(
        900561,
        `The endpoint only accepts POST requests. Received a ${request.method} request.`,
      )
    }
    const [, tenant = ''] = request.path.split('/')
    if (this.#isUnknown(tenant)) {
      throw new EntraRefusal(
        90002,
        `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`,
      )
    }
    const form = formOf(request)
    const grantType = required(form, 'grant_type')
    const clientId = required(form, 'client_id')
    const scope = form.get('scope')
    if (grantType !== 'client_credentials') throw new EntraRefusal(70003)
    if (clientId.toLowerCase() !== this.#options.clientId.toLowerCase()) {
      throw new EntraRefusal(
        700016,
        `Application with identifier '${clientId}' was not found in the directory '${tenant}'. ` +
          'You may have sent your authentication request to the wrong tenant.',
      )
    }
    const audience = audiences[scope ?? '']
    if (audience === undefined) {
      throw new EntraRefusal(
        70011,
        "The provided request must include a 'scope' input parameter. " +
          `The provided value for the input parameter 'scope' is not valid. The scope ${scope ?? ''} is not valid.`,
      )
    }
    await this.#checkCredential(form, request)
    return audience
  }

  async #checkCredential(form: URLSearchParams, request: EmulatedRequest): Promise<void> {
    const secret = form.get('client_secret')
    const assertion = form.get('client_assertion')
    if (secret !== null && assertion !== null) throw new EntraRefusal(9002313)
    if (secret !== null) {
      if (secret !== this.#options.clientSecret) {
        throw new EntraRefusal(
          7000215,
          'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, ' +
            `not the client secret ID, for a secret added to app '${this.#options.clientId}'.`,
        )
      }
      return
    }
    if (assertion === null || form.get('client_assertion_type') !== assertionType)
      throw new EntraRefusal(7000218)
    await this.#options.assertions.check(assertion, originOf(request) + request.path, this.#options.now())
  }
}

/** A body of another type is no form to Entra: it then misses the first parameter. */
function formOf(request: EmulatedRequest): URLSearchParams {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';')
  const isForm = type.trim().toLowerCase() === 'application/x-www-form-urlencoded'
  const form = new URLSearchParams(isForm ? request.body.toString() : '')
  const repeated = [...form.keys()].find((name) => form.getAll(name).length > 1)
  if (repeated !== undefined) {
    throw new EntraRefusal(
      9000411,
      `The request is not properly formatted. The parameter '${repeated}' is duplicated.`,
    )
  }
  return form
}

function required(form: URLSearchParams, name: string): string {
  const value = form.get(name)
  if (value !== null && value !== '') return value
  throw new EntraRefusal(900144, `The request body must contain the following parameter: '${name}'.`)
}

/** The origin the client believes in, so that it works under another name too (a container's, say). */
function originOf(request: EmulatedRequest): string {
  return `https://${request.headers.host ?? 'localhost'}`
}
