import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { retryAfterMs } from '../../src/outbound/index.ts'

const now = Date.parse('2026-03-01T12:00:00.000Z')

const readings: readonly (readonly [
  what: string,
  value: string | string[] | undefined,
  ms: number | undefined,
])[] = [
  ['none', undefined, undefined],
  ['an empty one', '', undefined],
  ['whole seconds', '120', 120_000],
  ['decimals, as Graph sends them', '0.249', 249],
  ['less than a millisecond, rounded up', '0.0001', 1],
  ['zero', '0', 0],
  ['spaces around it', ' 7 ', 7_000],
  ['the first of two', ['3', '9'], 3_000],
  ['an empty list', [], undefined],
  ['a year', '31536000', 31_536_000_000],
  ['more digits than any wait has', '9'.repeat(30), Number.MAX_SAFE_INTEGER],
  ['more digits than a number holds', '9'.repeat(400), Number.MAX_SAFE_INTEGER],
  ['a date to come', 'Sun, 01 Mar 2026 12:00:30 GMT', 30_000],
  ['a date gone by', 'Sun, 01 Mar 2026 11:59:00 GMT', 0],
  ['a date that is none', 'Sun, 99 Xyz 2026 12:00:30 GMT', undefined],
  ['a date in another form', '2026-03-01T12:00:30Z', undefined],
  ['a negative number', '-5', undefined],
  ['an exponent', '1e3', undefined],
  ['hexadecimal', '0x10', undefined],
  ['two numbers', '3, 9', undefined],
  ['no digit before the point', '.5', undefined],
  ['a word', 'soon', undefined],
]

for (const [what, value, ms] of readings) {
  test(`Retry-After: ${what} is ${ms === undefined ? 'no wait at all' : `${ms} ms`}`, () => {
    assert.equal(retryAfterMs(value, now), ms)
  })
}

const anyText = fc.oneof(
  fc.string(),
  fc.stringMatching(/^\d{1,40}(\.\d{0,40})?$/),
  fc.float().map(String),
  fc.date().map((date) => (Number.isNaN(date.getTime()) ? 'Invalid Date' : date.toUTCString())),
)

test('whatever Retry-After says, the wait is never negative, never NaN and never endless', () => {
  fc.assert(
    fc.property(fc.oneof(anyText, fc.array(anyText, { maxLength: 3 })), fc.maxSafeNat(), (value, at) => {
      const ms = retryAfterMs(value, at)
      assert.ok(ms === undefined || (Number.isFinite(ms) && ms >= 0), String(ms))
    }),
  )
})

test('a date and the seconds until it are the same wait', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000_000 }), (seconds) => {
      const date = new Date(now + seconds * 1000).toUTCString()
      assert.equal(retryAfterMs(date, now), retryAfterMs(String(seconds), now))
    }),
  )
})
