export { createGraphClient, type GraphClient, type GraphClientOptions } from './client.ts'
export type { GraphObserver } from './trips.ts'
export {
  GraphAnswerInvalid,
  GraphBusy,
  GraphFailed,
  GraphRefused,
  GraphRejectedQuery,
  GraphThrottled,
  GraphTimedOut,
} from './errors.ts'
export { createGate, type Gate } from './gate.ts'
export { createLine, type Line, longestAtGateMs } from './line.ts'
export type { PassedOn } from './pass-through.ts'
export { createRetryBudget } from './retries.ts'
export type { Boarding, SessionAnswer, SessionQuestion, SessionUnchanged, Trip } from './question.ts'
export { TokenUnavailable } from '../token/index.ts'
