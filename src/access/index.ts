export {
  createAccess,
  lacksOf,
  type Access,
  type CallerPattern,
  type Grant,
  type Lack,
  type Rule,
} from './access.ts'
export { AccessDenied, RateExceeded } from './errors.ts'
export type { Rate } from './rate.ts'
