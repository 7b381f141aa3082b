export { createExchange, type AppToken, type Exchange, type ExchangeOptions } from './exchange.ts'
export {
  createTokenProvider,
  type TokenObserver,
  type TokenProvider,
  type TokenProviderOptions,
  type TokenState,
} from './provider.ts'
export type { CredentialSource } from './credential.ts'
export { ExchangeFailed, TokenUnavailable } from './errors.ts'
export { neededRole, roleMissingRemedy } from './explain.ts'
