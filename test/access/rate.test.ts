import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createAccess, RateExceeded, type Rate, type Rule } from '../../src/access/index.ts'
import { createLimiter } from '../../src/access/rate.ts'
import { createFakeClock } from '../world/fake-clock.ts'

const perSecond = (count: number): Rate => ({ count, perMs: 1000 })

test('a whole period’s requests may come at once; the next waits for its turn', () => {
  const clock = createFakeClock()
  const limiter = createLimiter(perSecond(5), clock.now)
  assert.deepEqual(
    Array.from({ length: 6 }, () => limiter.take('a')),
    [0, 0, 0, 0, 0, 200],
  )
  clock.advance(199)
  assert.equal(limiter.take('a'), 1)
  clock.advance(1)
  assert.equal(limiter.take('a'), 0)
  assert.equal(limiter.take('a'), 200)
})

test('asking while it is refused costs nothing', () => {
  const clock = createFakeClock()
  const limiter = createLimiter({ count: 1, perMs: 60_000 }, clock.now)
  assert.equal(limiter.take('a'), 0)
  for (let second = 0; second < 60; second += 1) {
    assert.equal(limiter.take('a'), 60_000 - second * 1000)
    clock.advance(1000)
  }
  assert.equal(limiter.take('a'), 0)
})

test('what was not used does not pile up beyond one period', () => {
  const clock = createFakeClock()
  const limiter = createLimiter(perSecond(3), clock.now)
  assert.equal(limiter.take('a'), 0)
  clock.advance(24 * 3600_000)
  assert.deepEqual(
    Array.from({ length: 4 }, () => limiter.take('a')),
    [0, 0, 0, 334],
  )
})

test('each caller has a bucket of its own', () => {
  const limiter = createLimiter(perSecond(1), () => 0)
  assert.equal(limiter.take('a'), 0)
  assert.equal(limiter.take('b'), 0)
  assert.equal(limiter.take('a'), 1000)
})

test('a clock that goes back gives nothing away and locks nobody out', () => {
  let now = 1_800_000_000_000
  const limiter = createLimiter(perSecond(2), () => now)
  limiter.take('a')
  limiter.take('a')
  now -= 3600_000
  assert.equal(limiter.take('a'), 500)
  now += 500
  assert.equal(limiter.take('a'), 0)
})

test('whoever waits as long as told may pass, and not a millisecond earlier', () => {
  const rate = fc.record({
    count: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.constant(999_999_999)),
    perMs: fc.constantFrom(1000, 60_000),
  })
  const pauses = fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(rate, pauses, (given, waits) => {
      const clock = createFakeClock()
      const limiter = createLimiter(given, clock.now)
      const spend = (): number => {
        // A rate of hundreds of millions cannot be used up here.
        for (let spent = 0; spent <= 6000; spent += 1) {
          const waitMs = limiter.take('a')
          if (waitMs > 0) return waitMs
        }
        return 0
      }
      for (const pause of waits.slice(0, given.count > 1000 ? 3 : 40)) {
        const waitMs = spend()
        if (waitMs === 0) return
        if (waitMs > 1) {
          clock.advance(waitMs - 1)
          assert.equal(limiter.take('a'), 1)
          clock.advance(1)
        } else {
          clock.advance(waitMs)
        }
        assert.equal(limiter.take('a'), 0)
        clock.advance(pause)
      }
    }),
    { numRuns: 300 },
  )
})

test('over any stretch of time no more pass than one burst and the rate', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.integer({ min: 0, max: 120 }), { minLength: 50, maxLength: 300 }),
      (count, pauses) => {
        const clock = createFakeClock()
        const limiter = createLimiter(perSecond(count), clock.now)
        const startedAt = clock.now()
        let passed = 0
        for (const pause of pauses) {
          clock.advance(pause)
          if (limiter.take('a') === 0) passed += 1
        }
        assert(passed <= count + Math.floor(((clock.now() - startedAt) / 1000) * count))
      },
    ),
  )
})

test('ten thousand callers are counted; of more, the one seen longest ago starts anew', () => {
  const limiter = createLimiter(perSecond(1), () => 0)
  assert.equal(limiter.take('idle'), 0)
  assert.equal(limiter.take('busy'), 0)
  for (let caller = 0; caller < 9_999; caller += 1) {
    assert.equal(limiter.take(`${caller}`), 0)
    if (caller % 100 === 0) assert.equal(limiter.take('busy'), 1000)
  }
  assert.equal(limiter.take('busy'), 1000)
  assert.equal(limiter.take('9998'), 1000)
  assert.equal(limiter.take('idle'), 0)
})

const rule = (name: string, changes: Partial<Rule>): Rule => ({
  name,
  callers: [{ issuer: 'entra' }],
  workspaces: ['default'],
  ...changes,
})

test('the rate is that of the rule that permits; another rule does not help out', () => {
  const access = createAccess(
    [rule('slow', { select: ['id'], rate: perSecond(1) }), rule('fast', { rate: perSecond(2) })],
    () => 0,
  )
  const reader = { issuer: 'entra', subject: 'a' }
  const ids = { read: 'session', workspaceId: 'default', select: ['id'] }
  assert.equal(access.decide(reader, ids).rule, 'slow')
  assert.throws(() => access.decide(reader, ids), { rule: 'slow', retryAfterMs: 1000, status: 429 })
  const all = { read: 'session', workspaceId: 'default', select: null }
  assert.equal(access.decide(reader, all).rule, 'fast')
  assert.equal(access.decide(reader, all).rule, 'fast')
  assert.throws(() => access.decide(reader, all), RateExceeded)
  assert.equal(access.decide({ issuer: 'entra', subject: 'b' }, ids).rule, 'slow')
})

test('callers of one name from two issuers do not share a bucket', () => {
  const callers = [{ issuer: 'entra' }, { issuer: 'entra2' }]
  const access = createAccess([rule('both', { callers, rate: perSecond(1) })], () => 0)
  const wanted = { read: 'session', workspaceId: 'default', select: null }
  assert.equal(access.decide({ issuer: 'entra', subject: 'a' }, wanted).rule, 'both')
  assert.equal(access.decide({ issuer: 'entra2', subject: 'a' }, wanted).rule, 'both')
})

test('a request that is denied uses nothing up', () => {
  const access = createAccess([rule('slow', { rate: perSecond(1) })], () => 0)
  const reader = { issuer: 'entra', subject: 'a' }
  for (let times = 0; times < 5; times += 1) {
    assert.throws(() => access.decide(reader, { read: 'session', workspaceId: 'lab', select: null }), {
      status: 403,
    })
  }
  assert.equal(access.decide(reader, { read: 'session', workspaceId: 'default', select: null }).rule, 'slow')
})
