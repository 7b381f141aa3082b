/**
 * A caller's identity issuer: OpenID Connect discovery, keys and tokens.
 *
 * @module
 */

import { STATUS_CODES } from 'node:http'
import type { EntraFault, Part, StatusFault } from './faults.ts'
import { json, text } from './server.ts'
import type { Answer, EmulatedRequest } from './server.ts'
import type { SigningKeys } from './signing-keys.ts'

export interface TokenOptions {
  /** Added to `alg` and `kid`, or replacing `kid`; undefined removes. */
  readonly header?: Record<string, unknown>
  /** 3600 unless told; negative: already expired. */
  readonly expiresInSeconds?: number
}

/** The discovery endpoints, and the hand that signs what they vouch for. */
export class Issuer implements Part {
  /** The `iss` of its own tokens. */
  readonly url: string
  readonly #keys: SigningKeys
  readonly #now: () => number

  constructor(url: string, keys: SigningKeys, now: () => number) {
    this.url = url
    this.#keys = keys
    this.#now = now
  }

  answer(request: EmulatedRequest): Answer {
    if (request.path === '/issuer/jwks') return json(200, this.#keys.published())
    if (request.path !== '/issuer/.well-known/openid-configuration') return text(404, 'Not Found\n')
    return json(200, {
      issuer: this.url,
      jwks_uri: `${this.url}/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    })
  }

  refuse(_request: EmulatedRequest, fault: StatusFault | EntraFault): Answer {
    const { status, message, retryAfter } = fault.kind === 'status' ? fault : { status: 500 }
    return text(
      status,
      message ?? STATUS_CODES[status] ?? '',
      retryAfter === undefined ? {} : { 'Retry-After': retryAfter },
    )
  }

  token(claims: Record<string, unknown> = {}, options: TokenOptions = {}): Promise<string> {
    const iat = Math.floor(this.#now() / 1000)
    const exp = iat + (options.expiresInSeconds ?? 3600)
    const usual = { iss: this.url, sub: 'caller', aud: 'session-gateway', iat, nbf: iat, exp }
    return this.#keys.sign({ ...usual, ...claims }, options.header)
  }
}
