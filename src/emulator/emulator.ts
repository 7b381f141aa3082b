/**
 * What an emulator is to those who start one.
 *
 * @module
 */

import type { Certificate, KeyType } from './certificate.ts'
import type { FederatedCredential } from './client-assertions.ts'
import type { Fault, PartName } from './faults.ts'
import type { GraphControls } from './graph-controls.ts'
import type { ManagedIdentity } from './imds.ts'
import type { TokenOptions } from './issuer.ts'
import type { RecordedRequest } from './request-log.ts'
import type { ServiceAccountTokenOptions } from './service-accounts.ts'
import type { SigningKey } from './signing-keys.ts'

export interface EmulatorOptions {
  /** Any free one when absent or 0. */
  readonly port?: number
  /** Address to listen on; 127.0.0.1 unless told. */
  readonly host?: string
  readonly tenantId?: string
  readonly clientId?: string
  /** Random unless told. */
  readonly clientSecret?: string
  /** The certificate holds for the names below this domain as well, and the issuer calls itself `issuer.DOMAIN`. */
  readonly domain?: string
  /** Makes the keys that sign tokens, the first and those of rotations; each anew unless told. */
  readonly makeKey?: () => Promise<SigningKey>
  /** The `iss` of service-account tokens; that of most clusters unless told. */
  readonly clusterIssuerUrl?: string
  /** Epoch milliseconds; the system's clock unless told. */
  readonly now?: () => number
}

export interface Emulator extends AsyncDisposable {
  /** `https://localhost:PORT`; the certificate holds for localhost, 127.0.0.1 and ::1. */
  readonly url: string
  /** The authority that signed the certificate. */
  readonly caPem: string
  /** A certificate of the same authority: for another server (`ec`), or for a client of Entra (`rsa`). */
  certificateFor(names: readonly string[], keyType?: KeyType): Promise<Certificate>
  readonly entra: {
    readonly tenantId: string
    readonly clientId: string
    /** Of the application's service principal: the claim `oid` of its tokens. */
    readonly objectId: string
    readonly clientSecret: string
    /** Tokens issued. */
    readonly exchanges: number
    /** What reached the token endpoint; the newest 10,000. */
    readonly requests: readonly RecordedRequest[]
    /** Of the tokens issued from now on; empty: tokens without the claim. */
    roles: string[]
    tokenLifetimeSeconds: number
    /** Accepts client assertions signed by this certificate's key (PS256, `x5t#S256`). */
    trustCertificate(certPem: string): void
    /** Accepts this issuer's tokens as client assertions; they are checked with the emulated issuer's keys. */
    trustFederated(credential: FederatedCredential): void
    /** Graph answers 401 to every token issued so far. */
    revokeTokens(): void
  }
  readonly graph: GraphControls
  readonly issuer: {
    /** The exact `iss`. */
    readonly url: string
    readonly jwksRequests: number
    /** RS256; `sub` caller, `aud` session-gateway, valid from now. Undefined claims remove the usual ones. */
    token(claims?: Record<string, unknown>, options?: TokenOptions): Promise<string>
    serviceAccountToken(options: ServiceAccountTokenOptions): Promise<string>
    /** A new signing key; the old one stays published unless `keepOld` is false. */
    rotate(options?: { readonly keepOld?: boolean }): Promise<void>
  }
  readonly cluster: {
    /** Of the API server, which answers at the origin as well: pods are told a host and a port. */
    readonly url: string
    /** The `iss` of service-account tokens. */
    readonly issuerUrl: string
    /** The bearer that it demands. */
    readonly podToken: string
    readonly requests: number
    /** The newest 10,000. */
    readonly recorded: readonly RecordedRequest[]
    /** Tokens reviewed. */
    readonly reviews: number
    /** Whether the bearer of the pod's token has the right to create tokenreviews. */
    mayReview: boolean
    /** Reviews refuse the tokens that are bound to it. */
    deletePod(namespace: string, pod: string): void
  }
  /** The metadata service of the machine that a gateway could be running on. */
  readonly imds: {
    /** `http://127.0.0.1:PORT`: plain, as it is. */
    readonly url: string
    /** The newest 10,000. */
    readonly requests: readonly RecordedRequest[]
    /** Assigned to the machine; the emulated application, as its system-assigned one, unless told. */
    identities: readonly ManagedIdentity[]
    /** A day, unless told. Its tokens are kept and given again until five minutes before their end. */
    tokenLifetimeSeconds: number
    forgetTokens(): void
  }
  /**
   * The next `times` requests (1 unless told) to that part meet this fault instead. Faults queue; `Infinity`
   * lasts until the next `fail`, `recover` or `reset`.
   *
   * @throws TypeError when that part cannot have that fault
   */
  fail(part: PartName, fault: Fault, times?: number): void
  /** Forgets the faults that wait for that part; counters and records stay. */
  recover(part: PartName): void
  /** Resolves once that part has seen so many requests since the start or the last reset. */
  reached(part: PartName, requests: number): Promise<void>
  /** Forgets faults, counters and recorded requests; sessions, keys, roles and trust stay. */
  reset(): void
  /** Cuts every connection. */
  close(): Promise<void>
}
