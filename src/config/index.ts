/**
 * The configuration: files and environment in, one frozen and typed value out.
 *
 * @module
 */

export type { Listen } from './addresses.ts'
export type { Finding } from './findings.ts'
export { loadConfig } from './load.ts'
export type { Loaded, Source } from './load.ts'
export type {
  AnonymousIssuerConfig,
  AuditConfig,
  CacheConfig,
  CallerConfig,
  Config,
  CredentialConfig,
  GraphConfig,
  IdentityConfig,
  IssuerConfig,
  KubernetesIssuerConfig,
  LogConfig,
  OidcIssuerConfig,
  OutboundConfig,
  RuleConfig,
  ServerConfig,
  SharedConfig,
} from './schema.ts'
export type { RedisAddress } from './redis-url.ts'
export { redacted, Secret } from './secret.ts'
export { printConfig } from './settings.ts'
export type { Setting } from './settings.ts'
export type { Rate } from './units.ts'
