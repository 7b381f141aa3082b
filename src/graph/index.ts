export { createGraphClient, type GraphClient, type GraphClientOptions, type GraphObserver } from './client.ts'
export { createGate, type Gate } from './gate.ts'
export type { Boarding, SessionAnswer, SessionQuestion, SessionUnchanged, Trip } from './question.ts'
