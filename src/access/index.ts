export { createAccess, type Access, type CallerPattern, type Grant, type Rule } from './access.ts'
export { AccessDenied, RateExceeded } from './errors.ts'
export type { Rate } from './rate.ts'
