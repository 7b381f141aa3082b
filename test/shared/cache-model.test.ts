import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import type { Store } from '../../src/cache/index.ts'
import { type Kept, Model, modelWindows } from '../cache/model.ts'
import { Real, type Subject } from '../cache/model-real.ts'
import { steps } from '../cache/model-steps.ts'
import { createReplica, createTime, memory, newPrefix, nudge, noMemory, pass, settle } from './replica.ts'
import { onOneServer } from './way.ts'

describe('with a shared tier', () => {
  const server = onOneServer(1)

  async function subject(store: Store): Promise<Subject> {
    const [way] = server().ways
    assert.ok(way !== undefined)
    const time = createTime()
    const replica = createReplica({
      way,
      time,
      store,
      prefix: newPrefix(),
      windows: modelWindows,
      random: () => 0.5,
    })
    await settle(replica)
    const { cache, read, clock } = replica
    return {
      cache,
      read,
      settle: () => settle(replica),
      pass: (ms) => pass(time, ms, replica),
      async set(byMs) {
        clock.set(byMs)
        // Forward: this machine has slept, and Redis has not. When it awakes it is out of touch until it has asked.
        for (const each of time.clocks) if (each !== clock) each.set(Math.max(0, byMs))
        await nudge(replica)
        await settle(replica)
      },
    }
  }

  async function doesWhatTheModelDoes(kept: Kept, store: () => Store): Promise<void> {
    await fc.assert(
      fc.asyncProperty(steps, async (commands) => {
        const real = new Real(await subject(store()))
        await fc.asyncModelRun(() => ({ model: new Model(kept), real }), commands)
      }),
      { numRuns: 200 },
    )
  }

  test('a cache without any memory of its own does what a plain model of it does', () =>
    doesWhatTheModelDoes('shared', () => noMemory))

  test('a cache in front of it does what one without it does', () => doesWhatTheModelDoes('inBoth', memory))
})
