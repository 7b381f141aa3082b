export {
  createOutbound,
  readWhole,
  type Outbound,
  type OutboundOptions,
  type OutboundRequest,
  type OutboundResponse,
} from './outbound.ts'
export { createLinkLocal, type LinkLocal } from './link-local.ts'
export type { EgressProxy } from './tunnel.ts'
export { readAuthorities, readProxyCredentials } from './files.ts'
export { httpDateMs } from './http-date.ts'
export { retryAfterMs } from './retry-after.ts'
export { asFailure, OutboundFailure, type FailureKind } from './failure.ts'
export { createIsExempt } from './exemptions.ts'
