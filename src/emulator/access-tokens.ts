/**
 * The app-only tokens Entra has issued: JWTs to the eye, and a list that Graph looks them up in.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import type { SigningKeys } from './signing-keys.ts'

export interface AppToken {
  readonly roles: readonly string[]
  /** Epoch milliseconds. */
  readonly expiresAtMs: number
  isRevoked: boolean
}

/** How many tokens are remembered; the oldest become unknown to Graph. */
const remembered = 10_000

export class AccessTokens {
  readonly #keys: SigningKeys
  readonly #tenantId: string
  readonly #clientId: string
  readonly #issued = new Map<string, AppToken>()

  constructor(keys: SigningKeys, tenantId: string, clientId: string) {
    this.#keys = keys
    this.#tenantId = tenantId
    this.#clientId = clientId
  }

  /**
   * @param appId the application that it is given to; the emulated one unless told
   * @returns the compact JWT, with a v1.0 app-only access token's claims for Graph
   */
  async issue(
    roles: readonly string[],
    lifetimeSeconds: number,
    now: number,
    appId = this.#clientId,
  ): Promise<string> {
    const issuedAt = Math.floor(now / 1000)
    const token = await this.#keys.sign(
      {
        aud: 'https://graph.microsoft.com',
        iss: `https://sts.windows.net/${this.#tenantId}/`,
        iat: issuedAt,
        nbf: issuedAt,
        exp: issuedAt + lifetimeSeconds,
        appid: appId,
        idtyp: 'app',
        roles: roles.length > 0 ? roles : undefined,
        tid: this.#tenantId,
        uti: randomUUID(),
        jti: randomUUID(),
        ver: '1.0',
      },
      { typ: 'JWT' },
    )
    this.#issued.set(token, {
      roles: [...roles],
      expiresAtMs: (issuedAt + lifetimeSeconds) * 1000,
      isRevoked: false,
    })
    const [oldest] = this.#issued.keys()
    if (this.#issued.size > remembered && oldest !== undefined) this.#issued.delete(oldest)
    return token
  }

  find(token: string): AppToken | undefined {
    return this.#issued.get(token)
  }

  revokeAll(): void {
    for (const token of this.#issued.values()) token.isRevoked = true
  }
}
