/**
 * The emulator: what a gateway talks to, for `demo`, development and tests.
 *
 * @module
 */

export { startEmulator } from './start.ts'
export type { Emulator, EmulatorOptions } from './emulator.ts'
export type { Certificate, KeyType } from './certificate.ts'
export type { FederatedCredential } from './client-assertions.ts'
export type { EntraFault, Fault, PartName, StatusFault } from './faults.ts'
export type { Evaluation, Plugin, Prompt, Session } from './graph-entities.ts'
export type { ManagedIdentity } from './imds.ts'
export type { TokenOptions } from './issuer.ts'
export type { RecordedRequest } from './request-log.ts'
export type { ServiceAccountTokenOptions } from './service-accounts.ts'
export { newSigningKey, type SigningKey } from './signing-keys.ts'
