export { type AppToken, type Exchange, redisResource } from './app-token.ts'
export { createExchange, type ExchangeOptions } from './exchange.ts'
export { createManagedExchange, type ManagedExchangeOptions } from './managed.ts'
export {
  createTokenProvider,
  type TokenObserver,
  type TokenProvider,
  type TokenProviderOptions,
  type TokenState,
} from './provider.ts'
export type { CredentialSource } from './credential.ts'
export { ExchangeFailed, TokenUnavailable } from './errors.ts'
export { createClockReports, isNoticeable, skewMs } from './clock-skew.ts'
export { createRoleReports, neededRole, roleMissingRemedy } from './roles.ts'
export { type RedisLogin, type RedisLogins, redisLogins } from './redis-logins.ts'
export type { Report } from './report.ts'
