import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createEntry, type Entry, freshness, type Making, renewEntry } from '../../src/cache/entry.ts'
import type { Windows } from '../../src/cache/index.ts'
import { answer, windows } from './answer.ts'

function making(changes: Partial<Windows> = {}, more: Partial<Making> = {}): Making {
  const whole = { ...windows, ...changes }
  return { now: 1_000, askedAt: 900, generation: 3, windows: whole, random: () => 0, ...more }
}

const instants = ({ storedAt, freshUntil, revalidateUntil, errorUntil }: Entry): number[] =>
  [freshUntil, revalidateUntil, errorUntil].map((instant) => instant - storedAt)

test('a 200 is fresh, then stale, then a last resort, then spent, to the millisecond', () => {
  const entry = createEntry(answer(''), making())
  assert.deepEqual([entry.storedAt, entry.generation], [1_000, 3])
  assert.deepEqual(instants(entry), [30_000, 90_000, 630_000])
  for (const [at, state] of [
    [0, 'fresh'],
    [29_999, 'fresh'],
    [30_000, 'stale'],
    [89_999, 'stale'],
    [90_000, 'lastResort'],
    [629_999, 'lastResort'],
    [630_000, 'spent'],
  ] as const) {
    assert.equal(freshness(entry, 1_000 + at), state, String(at))
  }
})

for (const status of [404, 410] as const) {
  test(`a ${status} is fresh for its own, shorter time, and never given stale`, () => {
    const entry = createEntry(answer('', { status }), making())
    assert.deepEqual(instants(entry), [5_000, 5_000, 5_000])
    assert.equal(freshness(entry, 5_999), 'fresh')
    assert.equal(freshness(entry, 6_000), 'spent')
  })
}

test('with notFoundFor 0s a 404 is spent from the start', () => {
  assert.equal(
    freshness(createEntry(answer('', { status: 404 }), making({ notFoundForMs: 0 })), 1_000),
    'spent',
  )
})

test('jitter shortens freshness by up to its share, never prolongs it, and moves what counts from its end', () => {
  const at = (random: number): number[] =>
    instants(createEntry(answer(''), making({ jitter: 0.1 }, { random: () => random })))
  assert.deepEqual(at(0), [30_000, 90_000, 630_000])
  assert.deepEqual(at(0.5), [28_500, 88_500, 628_500])
  assert.deepEqual(at(0.999_999), [27_000, 87_000, 627_000])
})

const milliseconds = fc.nat({ max: 10_000_000 })

test('whatever the windows are, they end in order, in whole milliseconds, and never beyond maxRetention', () => {
  const any = fc.record({
    freshForMs: milliseconds,
    staleWhileRevalidateMs: milliseconds,
    staleIfErrorMs: milliseconds,
    maxRetentionMs: milliseconds,
    notFoundForMs: milliseconds,
    jitter: fc.double({ min: 0, max: 0.5, noNaN: true }),
  })
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(any, random, fc.constantFrom(200, 404, 410), (some, drawn, status) => {
      // As the configuration's checks have it.
      const ordered = {
        ...some,
        staleWhileRevalidateMs: Math.min(some.staleWhileRevalidateMs, some.staleIfErrorMs),
      }
      const entry = createEntry(answer('', { status }), making(ordered, { random: () => drawn }))
      const [fresh = 0, revalidate = 0, error = 0] = instants(entry)
      assert.ok(0 <= fresh && fresh <= revalidate && revalidate <= error && error <= some.maxRetentionMs)
      assert.ok([fresh, revalidate, error].every(Number.isInteger))
      assert.equal(freshness(entry, entry.storedAt + some.maxRetentionMs), 'spent')
    }),
  )
})

test('an ETag is strong, names the bytes and nothing else, and fits a header', () => {
  const tag = (body: string, changes = {}): string => createEntry(answer(body, changes), making()).etag
  assert.match(tag('body'), /^"[A-Za-z0-9_-]{27}"$/)
  assert.equal(
    tag('body'),
    tag('body', { headers: [['content-type', 'other']], trip: { clientRequestId: 'x' } }),
  )
  const digest = createHash('sha256')
    .update(Buffer.from([0xe9, 0x00, 0xff]))
    .digest('base64url')
  assert.equal(tag('\u00e9\u0000\u00ff'), `"${digest.slice(0, 27)}"`)
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (one, other) => {
      const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
      assert.equal(tag(latin1(one)) === tag(latin1(other)), Buffer.compare(one, other) === 0)
    }),
  )
})

test('an entry keeps what the trip brought', () => {
  const brought = answer('body', {
    status: 410,
    headers: [['odata-version', '4.0']],
    errorCode: 'gone',
    validator: 'W/"1"',
    trip: { clientRequestId: 'ours', requestId: 'theirs' },
  })
  assert.partialDeepStrictEqual(createEntry(brought, making()), brought)
})

test('an entry that a trip has confirmed is the same answer, as new as that trip', () => {
  const entry = createEntry(answer('body', { validator: '"1"' }), making())
  const trip = { clientRequestId: 'second' }
  const renewed = renewEntry(
    entry,
    { status: 304, trip },
    making({}, { now: 50_000, askedAt: 49_000, generation: 4 }),
  )
  assert.deepEqual(renewed, {
    ...entry,
    trip,
    generation: 4,
    askedAt: 49_000,
    storedAt: 50_000,
    freshUntil: 80_000,
    revalidateUntil: 140_000,
    errorUntil: 680_000,
  })
})
