/**
 * RSA keys that sign JWTs, and the key set that lets others check them (RFC 7517).
 *
 * @module
 */

import { calculateJwkThumbprint, createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { CryptoKey, JSONWebKeySet, JWK, JWTVerifyGetKey } from 'jose'

export interface SigningKey {
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly published: JWK
}

export class SigningKeys {
  #current: SigningKey
  #old: readonly SigningKey[] = []

  readonly #makeKey: () => Promise<SigningKey>

  private constructor(first: SigningKey, makeKey: () => Promise<SigningKey>) {
    this.#current = first
    this.#makeKey = makeKey
  }

  static async create(makeKey = newSigningKey): Promise<SigningKeys> {
    return new SigningKeys(await makeKey(), makeKey)
  }

  /** Signs RS256 with the current key. An undefined header or claim is left out. */
  sign(claims: Record<string, unknown>, header: Record<string, unknown> = {}): Promise<string> {
    const entries = Object.entries({ kid: this.#current.kid, ...header, alg: 'RS256' })
    return new SignJWT(claims)
      .setProtectedHeader({
        alg: 'RS256',
        ...Object.fromEntries(entries.filter(([, value]) => value !== undefined)),
      })
      .sign(this.#current.privateKey)
  }

  published(): JSONWebKeySet {
    return { keys: [this.#current, ...this.#old].map((key) => key.published) }
  }

  resolver(): JWTVerifyGetKey {
    return createLocalJWKSet(this.published())
  }

  /** @param keepOld whether tokens signed so far stay verifiable */
  async rotate(keepOld: boolean): Promise<void> {
    const next = await this.#makeKey()
    this.#old = keepOld ? [this.#current, ...this.#old] : []
    this.#current = next
  }
}

/** RSA of 2048 bits, which takes a tenth of a second and now and then half of one. */
export async function newSigningKey(): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair('RS256')
  const jwk = await exportJWK(publicKey)
  const kid = await calculateJwkThumbprint(jwk)
  return { kid, privateKey, published: { ...jwk, kid, use: 'sig', alg: 'RS256' } }
}
