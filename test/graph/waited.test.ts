import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { startEmulator } from '../../src/emulator/index.ts'
import { createGate, createGraphClient, createLine, createRetryBudget } from '../../src/graph/index.ts'
import { createOutbound } from '../../src/outbound/index.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { sessionId, sessionPath } from '../world/world.ts'

test('what callers have waited before their trip is of its deadline', async () => {
  const clock = createFakeClock()
  await using emulator = await startEmulator({ now: clock.now })
  const outbound = createOutbound({ clock, extraCa: emulator.caPem })
  const gate = createGate(clock.now)
  const line = createLine({ gate, clock, mostAtOnce: 1, mostWaiting: 0 })
  const graph = createGraphClient({
    origin: emulator.url,
    deadlineMs: 10_000,
    maxBodyBytes: 1024,
    outbound,
    tokens: {
      get: () => Promise.resolve('token'),
      reject: () => false,
      onToken: () => () => {},
      state: 'valid',
      close() {},
    },
    line,
    passingLine: line,
    retries: createRetryBudget(),
    clock,
    observer: { called: () => undefined, retried: () => undefined, roleMissing: () => undefined },
  })
  const { promise: never, resolve: release } = Promise.withResolvers<void>()
  emulator.fail('graph', { kind: 'hold', until: never })
  const departed = Promise.withResolvers<void>()
  const outcomes: string[] = []
  const reading = graph
    .readSession(
      { target: sessionPath, sessionId, select: null },
      {
        cancelled: new AbortController().signal,
        isAwaited: true,
        waitedMs: 7_000,
        departs: departed.resolve,
      },
    )
    .then(
      () => outcomes.push('answered'),
      (error: Error) => outcomes.push(error.name),
    )
  await departed.promise
  clock.advance(2_999)
  await turn()
  assert.deepEqual(outcomes, [])
  clock.advance(1)
  await reading
  assert.deepEqual(outcomes, ['GraphTimedOut'])
  release()
  await outbound.close()
})
