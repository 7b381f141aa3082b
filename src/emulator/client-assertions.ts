/**
 * How an application proves itself without a secret: a JWT signed by its certificate's key, or one that an
 * issuer it trusts has signed (a federated credential).
 *
 * https://learn.microsoft.com/entra/identity-platform/certificate-credentials
 * https://learn.microsoft.com/entra/workload-id/workload-identity-federation
 *
 * @module
 */

import { createHash, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { compactVerify, decodeJwt, decodeProtectedHeader } from 'jose'
import type { JWTPayload, ProtectedHeaderParameters } from 'jose'
import { EntraRefusal } from './entra-errors.ts'
import type { SigningKeys } from './signing-keys.ts'

export interface FederatedCredential {
  readonly issuer: string
  readonly subject: string
  /** `api://AzureADTokenExchange` unless told. */
  readonly audience?: string
}

export class ClientAssertions {
  readonly #clientId: string
  readonly #issuerKeys: SigningKeys
  readonly #certificates = new Map<string, KeyObject>()
  readonly #federated: Required<FederatedCredential>[] = []

  /** @param issuerKeys the keys that federated assertions are checked with, whatever issuer they name */
  constructor(clientId: string, issuerKeys: SigningKeys) {
    this.#clientId = clientId
    this.#issuerKeys = issuerKeys
  }

  trustCertificate(certPem: string): void {
    const certificate = new X509Certificate(certPem)
    const thumbprint = createHash('sha256').update(certificate.raw).digest('base64url')
    this.#certificates.set(thumbprint, certificate.publicKey)
  }

  trustFederated(credential: FederatedCredential): void {
    this.#federated.push({ audience: 'api://AzureADTokenExchange', ...credential })
  }

  /**
   * @param audience the token endpoint's URL as the client sees it
   * @throws EntraRefusal
   */
  async check(assertion: string, audience: string, now: number): Promise<void> {
    const { header, claims } = decode(assertion)
    if (header['x5t#S256'] !== undefined || header.x5t !== undefined || claims.iss === claims.sub) {
      await this.#checkCertificate(assertion, header, claims, audience)
    } else {
      await this.#checkFederated(assertion, claims)
    }
    checkTimes(claims, now)
  }

  async #checkCertificate(
    assertion: string,
    header: ProtectedHeaderParameters,
    claims: JWTPayload,
    audience: string,
  ): Promise<void> {
    const thumbprint = header['x5t#S256']
    const key = typeof thumbprint === 'string' ? this.#certificates.get(thumbprint) : undefined
    if (key === undefined) throw new EntraRefusal(700027)
    await compactVerify(assertion, key, { algorithms: ['PS256'] }).catch(refuseSignature)
    if (claims.iss !== this.#clientId || claims.sub !== this.#clientId) throw new EntraRefusal(700021)
    if (claims.aud !== audience) throw new EntraRefusal(700023)
  }

  async #checkFederated(assertion: string, claims: JWTPayload): Promise<void> {
    await compactVerify(assertion, this.#issuerKeys.resolver(), { algorithms: ['RS256'] }).catch(
      refuseSignature,
    )
    const audiences = [claims.aud ?? []].flat()
    const sameIssuer = this.#federated.filter(({ issuer }) => issuer === claims.iss)
    if (sameIssuer.length === 0) throw mismatch(700211, 'issuer', claims.iss)
    const sameAudience = sameIssuer.filter(({ audience }) => audiences.includes(audience))
    if (sameAudience.length === 0) throw mismatch(700212, 'audience', audiences.join(','))
    if (!sameAudience.some(({ subject }) => subject === claims.sub)) {
      throw mismatch(700213, 'subject', claims.sub)
    }
  }
}

function decode(assertion: string): { header: ProtectedHeaderParameters; claims: JWTPayload } {
  try {
    return { header: decodeProtectedHeader(assertion), claims: decodeJwt(assertion) }
  } catch {
    throw new EntraRefusal(50027)
  }
}

function refuseSignature(): never {
  throw new EntraRefusal(700027)
}

function mismatch(aadsts: number, what: string, presented: string | undefined): EntraRefusal {
  return new EntraRefusal(
    aadsts,
    `No matching federated identity record found for presented assertion ${what} '${presented ?? ''}'. ` +
      'Check your federated identity credential Subject, Audience and Issuer against the presented assertion. ' +
      'https://learn.microsoft.com/entra/workload-id/workload-identity-federation',
  )
}

/** Clocks differ, and MSAL rounds `nbf` to the next second. */
const skewSeconds = 300

function checkTimes({ nbf, exp }: JWTPayload, now: number): void {
  const seconds = now / 1000
  const hasBegun = nbf === undefined || nbf - skewSeconds <= seconds
  if (exp !== undefined && seconds < exp + skewSeconds && hasBegun) return
  throw new EntraRefusal(
    700024,
    'Client assertion is not within its valid time range. ' +
      `Current time: ${written(seconds)}, assertion valid from ${written(nbf)}, expiry time of assertion ${written(exp)}. ` +
      'Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .',
  )
}

function written(epochSeconds: number | undefined): string {
  return epochSeconds === undefined ? 'absent' : new Date(epochSeconds * 1000).toISOString()
}
