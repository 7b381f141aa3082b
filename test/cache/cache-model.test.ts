import { setImmediate } from 'node:timers/promises'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { tryCache } from './answer.ts'
import { Model, modelWindows } from './model.ts'
import { Real, type Subject } from './model-real.ts'
import { steps } from './model-steps.ts'

function memoryAlone(): Subject {
  const { cache, read, clock } = tryCache({ windows: modelWindows, random: () => 0.5 })
  return {
    cache,
    read,
    settle: () => setImmediate(),
    pass(ms) {
      clock.advance(ms)
      return setImmediate()
    },
    set(byMs) {
      clock.set(byMs)
      return setImmediate()
    },
  }
}

test('the cache does what a plain model of it does: no spent or purged answer, no trip too many, no other key’s answer', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (commands) => {
      const setup = (): { model: Model; real: Real } => ({
        model: new Model(),
        real: new Real(memoryAlone()),
      })
      await fc.asyncModelRun(setup, commands)
    }),
    { numRuns: 1_500 },
  )
})
