/**
 * The app-only tokens Entra has issued: JWTs to the eye, and a list that Graph looks them up in.
 *
 * @module
 */

import { createHash, randomUUID } from 'node:crypto'
import type { SigningKeys } from './signing-keys.ts'

export interface AppToken {
  readonly roles: readonly string[]
  /** Epoch milliseconds. */
  readonly expiresAtMs: number
  isRevoked: boolean
}

const graphAudience = 'https://graph.microsoft.com'
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
   * @param audience whom it is for; Graph unless told, and Graph knows no other
   * @returns the compact JWT, with a v1.0 app-only access token's claims
   */
  async issue(
    roles: readonly string[],
    lifetimeSeconds: number,
    now: number,
    appId = this.#clientId,
    audience = graphAudience,
  ): Promise<string> {
    const issuedAt = Math.floor(now / 1000)
    const token = await this.#keys.sign(
      {
        aud: audience,
        iss: `https://sts.windows.net/${this.#tenantId}/`,
        iat: issuedAt,
        nbf: issuedAt,
        exp: issuedAt + lifetimeSeconds,
        appid: appId,
        idtyp: 'app',
        oid: objectIdOf(appId),
        roles: roles.length > 0 ? roles : undefined,
        tid: this.#tenantId,
        uti: randomUUID(),
        jti: randomUUID(),
        ver: '1.0',
      },
      { typ: 'JWT' },
    )
    if (audience !== graphAudience) return token
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

/** Of an application's service principal in the tenant: always the same. */
export function objectIdOf(appId: string): string {
  const hex = createHash('sha256').update(appId.toLowerCase()).digest('hex')
  return hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
