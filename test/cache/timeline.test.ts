import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Clock } from '../../src/clock.ts'
import { createTimeline } from '../../src/cache/timeline.ts'
import { createFakeClock } from '../world/fake-clock.ts'

test('it begins at 0 and goes on in whole milliseconds', () => {
  const clock = createFakeClock()
  const timeline = createTimeline(clock)
  assert.equal(timeline(), 0)
  clock.advance(1.75)
  assert.equal(timeline(), 1)
  clock.advance(10)
  assert.equal(timeline(), 11)
})

test('a clock that is set back does not take it back, nor hold it', () => {
  const clock = createFakeClock()
  const timeline = createTimeline(clock)
  clock.advance(5_000)
  clock.set(-86_400_000)
  assert.equal(timeline(), 5_000)
  clock.advance(1)
  assert.equal(timeline(), 5_001)
})

test('what the machine slept through counts: the time of day has jumped', () => {
  const clock = createFakeClock()
  const timeline = createTimeline(clock)
  clock.set(3_600_000)
  assert.equal(timeline(), 3_600_000)
  clock.set(-3_600_000)
  clock.advance(7)
  assert.equal(timeline(), 3_600_007)
})

test('a clock that is kept right bit by bit adds nothing, until it is a second', () => {
  const clock = createFakeClock()
  const timeline = createTimeline(clock)
  clock.set(999)
  assert.equal(timeline(), 0)
  clock.set(1)
  assert.equal(timeline(), 1_000)
})

test('whatever the clocks do, it never goes back, never runs slower than the monotonic one, and skips what was skipped only', () => {
  const steps = fc.array(
    fc.record({ lasts: fc.nat({ max: 5_000 }), setBy: fc.integer({ min: -9_000, max: 9_000 }) }),
  )
  fc.assert(
    fc.property(steps, (all) => {
      let monotonic = 12.5
      let now = 1e12
      const clock: Clock = { monotonic: () => monotonic, now: () => now, after: () => () => {} }
      const timeline = createTimeline(clock)
      let before = timeline()
      let most = 0
      for (const { lasts, setBy } of all) {
        monotonic += lasts
        now += lasts + setBy
        most += lasts + Math.max(0, setBy)
        const after = timeline()
        assert.ok(after >= before + lasts && after <= most)
        before = after
      }
    }),
  )
})
