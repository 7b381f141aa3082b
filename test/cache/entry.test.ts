import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createEntry, isFresh } from '../../src/cache/entry.ts'
import { answer } from './answer.ts'

const windows = { freshForMs: 30_000, notFoundForMs: 5_000 }

for (const [status, forMs] of [
  [200, 30_000],
  [404, 5_000],
  [410, 5_000],
] as const) {
  test(`a ${status} is fresh for ${forMs} ms to the millisecond, counted from when it was stored`, () => {
    const entry = createEntry(answer('', { status }), 1_000, windows)
    assert.deepEqual([entry.storedAt, entry.freshUntil], [1_000, 1_000 + forMs])
    assert.equal(isFresh(entry, 1_000), true)
    assert.equal(isFresh(entry, 999 + forMs), true)
    assert.equal(isFresh(entry, 1_000 + forMs), false)
  })
}

test('an entry from the future is not fresh: somebody has set the clock back', () => {
  const entry = createEntry(answer(''), 24 * 3_600_000, windows)
  assert.equal(isFresh(entry, 1_000), false)
})

test('with notFoundFor 0s a 404 is never fresh', () => {
  const entry = createEntry(answer('', { status: 404 }), 1_000, { ...windows, notFoundForMs: 0 })
  assert.equal(isFresh(entry, 1_000), false)
})

test('an ETag is strong, names the bytes and nothing else, and fits a header', () => {
  const tag = (body: string, changes = {}): string => createEntry(answer(body, changes), 0, windows).etag
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
    trip: { clientRequestId: 'ours', requestId: 'theirs' },
  })
  assert.partialDeepStrictEqual(createEntry(brought, 0, windows), brought)
})
