/**
 * What is taken for a key of an issuer: a public key (RFC 7517) that one of our algorithms verifies with, and that says
 * nothing to the contrary.
 *
 * Whatever no token can be verified with must not count: a key set of such keys only would take the place of good ones.
 *
 * @module
 */

import { createPublicKey } from 'node:crypto'
import type { JWK } from 'jose'
import { isJsonObject, type JsonObject } from '../json.ts'

const rsa = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
/** Public-key signatures only: with a shared secret, whoever can verify can also forge. */
const algorithmsOf: Readonly<Record<string, readonly string[]>> = {
  RSA: rsa,
  'EC P-256': ['ES256'],
  'EC P-384': ['ES384'],
  'EC P-521': ['ES512'],
  'OKP Ed25519': ['EdDSA', 'Ed25519'],
}

/** All that a token may be signed with. */
export const algorithms: readonly string[] = Object.values(algorithmsOf).flat()

/** RFC 7518 §3.3, and what jose asks for. */
const fewestRsaBits = 2048

/** @returns it without the members that nothing here depends on; `undefined` when it is not to be used */
export function verificationKey(key: unknown): (JWK & { kty: string }) | undefined {
  if (!isJsonObject(key)) return undefined
  const { kid, alg } = key
  if (!(kid === undefined || typeof kid === 'string') || !isForSignatures(key)) return undefined
  // Whoever reads the key set could sign with it.
  if (key['d'] !== undefined) return undefined
  try {
    const imported = createPublicKey({ key, format: 'jwk' })
    if ((imported.asymmetricKeyDetails?.modulusLength ?? fewestRsaBits) < fewestRsaBits) return undefined
    const { kty = '', ...rest } = imported.export({ format: 'jwk' })
    const known = algorithmsOf[rest.crv === undefined ? kty : `${kty} ${rest.crv}`] ?? []
    if (alg === undefined ? known.length === 0 : !known.some((name) => name === alg)) return undefined
    return {
      kty,
      ...rest,
      ...(kid === undefined ? {} : { kid }),
      ...(typeof alg === 'string' ? { alg } : {}),
    }
  } catch {
    return undefined
  }
}

/** RFC 7517 §4.2, §4.3. */
function isForSignatures({ use, key_ops: operations }: JsonObject): boolean {
  return (
    (use === undefined || use === 'sig') &&
    (operations === undefined || (Array.isArray(operations) && operations.includes('verify')))
  )
}
