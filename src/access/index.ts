export { createAccess, type Access, type CallerPattern, type Rule } from './access.ts'
export { AccessDenied, RateExceeded } from './errors.ts'
export type { Rate } from './rate.ts'
