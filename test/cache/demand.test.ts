import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { demandOf, suits } from '../../src/cache/demand.ts'
import { createEntry } from '../../src/cache/entry.ts'
import type { Demand } from '../../src/cache/index.ts'
import { answer, windows } from './answer.ts'

/** What was said, and nothing else. */
function said(field: string | undefined, mayBypass = true): Record<string, unknown> {
  const demand = Object.entries(demandOf(field, mayBypass))
  return Object.fromEntries(demand.filter(([, value]) => value !== undefined && value !== false))
}

const fields: readonly (readonly [field: string, demand: Demand])[] = [
  ['no-cache', { noCache: true }],
  ['NO-Cache', { noCache: true }],
  ['no-store', { noStore: true }],
  ['only-if-cached', { onlyIfCached: true }],
  ['max-age=0', { maxAgeMs: 0 }],
  ['max-age=10', { maxAgeMs: 10_000 }],
  ['max-age="10"', { maxAgeMs: 10_000 }],
  ['min-fresh=5', { minFreshMs: 5_000 }],
  ['max-stale', { maxStaleMs: Infinity }],
  ['max-stale=7', { maxStaleMs: 7_000 }],
  ['no-cache, no-store', { noCache: true, noStore: true }],
  [' max-age=1 ,\tmin-fresh=2,,max-stale=3 ', { maxAgeMs: 1_000, minFreshMs: 2_000, maxStaleMs: 3_000 }],
  // The first one counts.
  ['max-age=1, max-age=9', { maxAgeMs: 1_000 }],
  // More than a number of seconds holds (RFC 9111 §1.2.2).
  ['max-age=99999999999999999999', { maxAgeMs: 2 ** 31 * 1000 }],
  // Nothing that this cache knows, or that anybody could.
  ['', {}],
  ['no-transform, stale-if-error=5, x-own="no-cache, max-age=0"', {}],
  ['x="a\\", no-cache, \\"b"', {}],
  ['no-cachex, xno-cache, no cache', {}],
  ['max-age', {}],
  ['max-age=', {}],
  ['max-age=-1', {}],
  ['max-age=1.5', {}],
  ['max-age=0x10', {}],
  ['max-age=ten', {}],
  ['max-age = 5', {}],
  ['min-fresh', {}],
  ['max-stale=soon', {}],
  ['"no-cache"', {}],
  ['x="no-cache', {}],
]

for (const [field, demand] of fields) {
  test(`Cache-Control: ${field} ${Object.keys(demand).length === 0 ? 'demands nothing' : 'is understood'}`, () => {
    assert.deepEqual(said(field), demand)
  })
}

test('without the right to bypass the cache, only-if-cached alone counts', () => {
  const all = 'no-cache, no-store, max-age=0, min-fresh=9, max-stale, only-if-cached'
  assert.deepEqual(said(all, false), { onlyIfCached: true })
  assert.deepEqual(said('no-cache, no-store, max-age=0', false), {})
  assert.deepEqual(said(undefined), {})
})

test('any field is read without an error, and in time that grows with its length alone', () => {
  const part = fc.constantFrom('a', '=', '"', '\\', ',', ' ', '\t', 'max-age', 'no-cache', '1', '\u00e9')
  fc.assert(fc.property(fc.array(part, { maxLength: 60 }), (parts) => void said(parts.join(''))))
  // Where it did not, these would take minutes.
  for (const piece of ['a', ',', '"', '\\"', ',a="', ',a="\\', ' ,', ',a=b ', '\t'])
    said(piece.repeat(200_000))
})

const stored = createEntry(answer('body'), { now: 0, askedAt: 0, generation: 0, windows, random: () => 0 })
const gone = createEntry(answer('', { status: 404 }), {
  now: 0,
  askedAt: 0,
  generation: 0,
  windows,
  random: () => 0,
})

/** Fresh until 30 s, stale until 90 s, a last resort until 630 s. */
const cases: readonly (readonly [what: string, demand: Demand, does: number[], doesNot: number[]])[] = [
  ['nothing', {}, [0, 29, 30, 89], [90, 629]],
  ['no-cache', { noCache: true }, [], [0, 30]],
  ['no-store', { noStore: true }, [], [0, 30]],
  ['only-if-cached', { onlyIfCached: true }, [0, 30, 89], [90]],
  ['max-age=10', { maxAgeMs: 10_000 }, [0, 10], [11, 29, 30]],
  ['max-age=60: a stale answer was not asked for', { maxAgeMs: 60_000 }, [29], [30, 60]],
  ['min-fresh=5', { minFreshMs: 5_000 }, [0, 25], [26, 29, 30]],
  ['min-fresh=0: fresh, at least', { minFreshMs: 0 }, [29], [30]],
  [
    'max-stale: however stale, while it may be given at all',
    { maxStaleMs: Infinity },
    [0, 89, 90, 629],
    [630],
  ],
  [
    'max-stale=10: no staler than that, whatever the operator would',
    { maxStaleMs: 10_000 },
    [29, 40],
    [41, 89],
  ],
  ['max-stale=100', { maxStaleMs: 100_000 }, [0, 89, 130], [131]],
  ['max-age=40, max-stale=20', { maxAgeMs: 40_000, maxStaleMs: 20_000 }, [40], [41, 49]],
  ['min-fresh=1, max-stale=20', { minFreshMs: 1_000, maxStaleMs: 20_000 }, [29], [30]],
]

for (const [what, demand, does, doesNot] of cases) {
  test(`who says ${what} gets what suits, to the second`, () => {
    const suitsAt = (seconds: number): boolean =>
      suits(stored, demand, seconds * 1000, stored.revalidateUntil)
    assert.deepEqual(
      does.filter((seconds) => !suitsAt(seconds)),
      [],
    )
    assert.deepEqual(doesNot.filter(suitsAt), [])
  })
}

test('once Graph has failed a last resort will do, for whoever did not ask for more', () => {
  const suitsAt = (demand: Demand, seconds: number): boolean =>
    suits(stored, demand, seconds * 1000, stored.errorUntil)
  assert.equal(suitsAt({}, 629), true)
  assert.equal(suitsAt({}, 630), false)
  assert.equal(suitsAt({ maxStaleMs: 600_000 }, 629), true)
  for (const demand of [
    { noCache: true },
    { noStore: true },
    { maxAgeMs: 1_000_000 },
    { minFreshMs: 0 },
    { maxStaleMs: 1_000 },
  ]) {
    assert.equal(suitsAt(demand, 100), false, JSON.stringify(demand))
  }
})

test('a 404 is never given stale, whatever is demanded', () => {
  assert.equal(suits(gone, {}, 4_999, gone.revalidateUntil), true)
  for (const demand of [{}, { maxStaleMs: Infinity }]) {
    assert.equal(suits(gone, demand, 5_000, gone.errorUntil), false)
  }
})
