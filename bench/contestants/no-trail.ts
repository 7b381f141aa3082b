/** In place of `src/audit/trail.ts`, for one contestant of bench/audit: a gateway that records nothing. */

import type { Trail } from '../../src/audit/index.ts'

export function createTrail(): Trail {
  const done = Promise.resolve()
  return {
    open() {},
    admit() {},
    admits: true,
    hand: (_record, waiter) => waiter.taken(),
    record: () => done,
    amend() {},
    problem: undefined,
    pendingBytes: 0,
    taken: 0,
    gone: new Promise(() => {}),
    async reopen() {},
    async close() {},
  }
}
