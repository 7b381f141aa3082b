/**
 * Graph beta, as far as one reads Security Copilot: workspaces, plugins, sessions, prompts and evaluations.
 *
 * https://learn.microsoft.com/graph/api/resources/security-securitycopilot-overview?view=graph-rest-beta
 *
 * @module
 */

import { decodeJwt } from 'jose'
import type { AccessTokens } from './access-tokens.ts'
import type { EntraFault, Part, StatusFault } from './faults.ts'
import { BadGraphRequest, graphAddress } from './graph-address.ts'
import type { GraphAddress } from './graph-address.ts'
import { entityAnswer, errorAnswer, listAnswer } from './graph-answers.ts'
import type { GraphError } from './graph-answers.ts'
import { pageOf } from './graph-collections.ts'
import { graphOptions } from './graph-options.ts'
import type { GraphOptions } from './graph-options.ts'
import type { Answer, EmulatedRequest } from './server.ts'
import type { Workspaces } from './workspaces.ts'

export const readRole = 'SecurityCopilotWorkspaces.Read.All'

/** A request that Graph refuses. */
class GraphRefusal extends Error {
  readonly error: GraphError

  constructor(error: GraphError) {
    super(error.message)
    this.error = error
  }
}

export class Graph implements Part {
  readonly #tokens: AccessTokens
  readonly #workspaces: Workspaces
  readonly #now: () => number
  /** Of sessions, from now on. */
  hasEntityTags = false
  pageSize = 100
  nextLinkOrigin: string | undefined
  isNextLinkLast = false

  constructor(tokens: AccessTokens, workspaces: Workspaces, now: () => number) {
    this.#tokens = tokens
    this.#workspaces = workspaces
    this.#now = now
  }

  answer(request: EmulatedRequest, twist?: 'otherId' | 'extra'): Answer {
    try {
      const roles = this.#authenticate(request.headers.authorization)
      const address = graphAddress(request.path)
      if (request.method !== 'GET') throw new GraphRefusal(methodNotAllowed)
      authorize(roles)
      const options = graphOptions(request.query, address)
      return address.isList
        ? this.#list(request, address, options)
        : this.#entity(request, address, options, twist)
    } catch (error) {
      return errorAnswer(request, graphError(error), this.#now())
    }
  }

  refuse(request: EmulatedRequest, fault: StatusFault | EntraFault): Answer {
    const { status, code, message, retryAfter } = fault.kind === 'status' ? fault : { status: 500 }
    const [usualCode, usualMessage] = usual[status] ?? ['UnknownError', '']
    const headers = {
      ...(status === 401 ? challenge : {}),
      ...(retryAfter === undefined ? {} : { 'Retry-After': retryAfter }),
    }
    const error = { status, code: code ?? usualCode, message: message ?? usualMessage, headers }
    return errorAnswer(request, error, this.#now())
  }

  #entity(
    request: EmulatedRequest,
    address: GraphAddress,
    { select }: GraphOptions,
    twist?: 'otherId' | 'extra',
  ): Answer {
    const entity = this.#workspaces.entity(address)
    if (entity === undefined) throw new GraphRefusal(notFound)
    const isSession = address.names.at(-1) === 'sessions'
    return entityAnswer(request, {
      address,
      entity,
      select,
      twist: isSession ? twist : undefined,
      hasEntityTag: isSession && this.hasEntityTags,
    })
  }

  #list(request: EmulatedRequest, address: GraphAddress, options: GraphOptions): Answer {
    const members = this.#workspaces.list(address)
    if (members === undefined) throw new GraphRefusal(notFound)
    const page = pageOf(members, address, options, this.pageSize)
    const origin = this.nextLinkOrigin ?? `https://${request.headers.host ?? 'localhost'}`
    const nextLink = page.next === undefined ? undefined : origin + page.next
    return listAnswer(request, { address, options, page, nextLink, isLinkLast: this.isNextLinkLast })
  }

  /** @returns the token's roles */
  #authenticate(authorization: string | undefined): readonly string[] {
    const [, presented] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? []
    if (presented === undefined) throw unauthenticated('Access token is empty.')
    const token = this.#tokens.find(presented)
    if (token === undefined) throw unauthenticated(whyUnknown(presented))
    if (this.#now() >= token.expiresAtMs) {
      throw unauthenticated('Lifetime validation failed, the token is expired.')
    }
    if (token.isRevoked) throw new GraphRefusal(revoked)
    return token.roles
  }
}

function authorize(roles: readonly string[]): void {
  if (roles.includes(readRole)) return
  const message = `Missing application roles. API required roles: ${readRole}, application roles: ${roles.join(',')}.`
  throw new GraphRefusal({ status: 403, code: 'Forbidden', message })
}

function graphError(error: unknown): GraphError {
  if (error instanceof GraphRefusal) return error.error
  if (error instanceof BadGraphRequest) return { status: 400, code: 'BadRequest', message: error.message }
  throw error
}

const realm =
  'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"'

const challenge = { 'WWW-Authenticate': realm }

function unauthenticated(message: string): GraphRefusal {
  return new GraphRefusal({ status: 401, code: 'InvalidAuthenticationToken', message, headers: challenge })
}

/** A token Entra has issued and no longer stands by, in the words continuous access evaluation has for it. */
const revoked: GraphError = {
  status: 401,
  code: 'InvalidAuthenticationToken',
  message:
    'Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenCreatedWithOutdatedPolicies',
  headers: {
    'WWW-Authenticate': `${realm}, error="insufficient_claims", claims="${Buffer.from(
      '{"access_token":{"nbf":{"essential":true}}}',
    ).toString('base64')}"`,
  },
}

function whyUnknown(token: string): string {
  try {
    const { aud } = decodeJwt(token)
    return aud === 'https://graph.microsoft.com'
      ? 'Access token validation failure. Invalid signature.'
      : 'Access token validation failure. Invalid audience.'
  } catch {
    return 'IDX14100: JWT is not well formed, there are no dots (.). The token needs to be in JWS or JWE Compact Serialization Format.'
  }
}

const notFound: GraphError = {
  status: 404,
  code: 'ResourceNotFound',
  message: 'Resource could not be discovered.',
}

const methodNotAllowed: GraphError = {
  status: 405,
  code: 'Request_BadRequest',
  message: 'Specified HTTP method is not allowed for the request target.',
  headers: { Allow: 'GET' },
}

/** What a status is usually accompanied by. */
const usual: Readonly<Record<number, readonly [code: string, message: string]>> = {
  400: ['BadRequest', 'The request is not valid.'],
  401: ['InvalidAuthenticationToken', 'Lifetime validation failed, the token is expired.'],
  403: ['Forbidden', 'Access is denied.'],
  404: [notFound.code, notFound.message],
  410: ['ResourceNotFound', 'The resource is gone.'],
  429: ['TooManyRequests', 'Please retry again later.'],
  500: ['generalException', 'An unexpected error occurred.'],
  503: ['serviceNotAvailable', 'The service is temporarily unavailable.'],
  504: ['UnknownError', ''],
}
