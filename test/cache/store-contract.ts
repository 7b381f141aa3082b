/**
 * What is asked of every place where entries are kept. Written with `await`, so that one that is not in this process can
 * be asked the same.
 */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import type { Entry } from '../../src/cache/index.ts'
import { answer } from './answer.ts'

/** `get` may answer later. */
export interface AnyStore {
  get(key: string): Entry | undefined | Promise<Entry | undefined>
  set(key: string, entry: Entry): void | Promise<void>
  delete(key: string): void | Promise<void>
}

/** What may differ where the store is not in this process. */
export interface Leeway {
  /** Its instants may be this much earlier, never later, and all by as much: clocks are compared over a network. */
  readonly earlierByMs: number
  /** What is good for nothing any more may be gone. */
  readonly forgetsSpent: boolean
}

const none: Leeway = { earlierByMs: 0, forgetsSpent: false }

export function entry(body: string, changes: Partial<Entry> = {}): Entry {
  const instants = { askedAt: 0, storedAt: 0, freshUntil: 0, revalidateUntil: 0, errorUntil: 0 }
  return { ...answer(body), etag: '"e"', generation: 0, ...instants, ...changes }
}

/** Good for something yet, at the beginning of the timeline. */
function good(body: string, changes: Partial<Entry> = {}): Entry {
  return entry(body, { freshUntil: 10_000, revalidateUntil: 20_000, errorUntil: 30_000, ...changes })
}

function assertSame(got: Entry | undefined, given: Entry, { earlierByMs }: Leeway): void {
  assert.ok(got !== undefined, 'it is not there')
  if (earlierByMs === 0) return assert.deepEqual(got, given)
  const shiftMs = given.storedAt - got.storedAt
  assert.ok(shiftMs >= 0 && shiftMs <= earlierByMs, `${shiftMs} ms earlier`)
  // Until when it has not been purged, and by which purges it can be reached, is for whoever reads it to know.
  assert.ok(got.askedAt >= given.askedAt - shiftMs)
  const { askedAt, generation } = got
  assert.deepEqual(got, {
    ...given,
    askedAt,
    generation,
    storedAt: given.storedAt - shiftMs,
    freshUntil: given.freshUntil - shiftMs,
    revalidateUntil: given.revalidateUntil - shiftMs,
    errorUntil: given.errorUntil - shiftMs,
  })
}

/** @param create an empty one, with room for some hundred small entries at least, whose timeline has just begun */
export function keepsTheContract(
  name: string,
  create: () => AnyStore | Promise<AnyStore>,
  leeway: Leeway = none,
): void {
  describe(`${name}, as a store,`, () => {
    test('gives what was set under its own key alone, until it is deleted', async () => {
      const store = await create()
      await store.set('a/1', good('a'))
      await store.set('b/1', good('b'))
      assertSame(await store.get('a/1'), good('a'), leeway)
      assertSame(await store.get('b/1'), good('b'), leeway)
      for (const other of ['a', 'a/', 'a/1?', 'A/1', 'c/1', ''])
        assert.equal(await store.get(other), undefined)
      await store.delete('a/1')
      assert.equal(await store.get('a/1'), undefined)
      assertSame(await store.get('b/1'), good('b'), leeway)
    })

    test('keeps everything of an entry: the bytes, a 404, what Graph said, and every instant', async () => {
      const store = await create()
      const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code))
      const instants = { askedAt: -9, storedAt: -2, freshUntil: 3, revalidateUntil: 50, errorUntil: 400 }
      const whole = entry(bytes, {
        status: 410,
        headers: [['content-type', 'application/json']],
        errorCode: 'gone',
        validator: 'W/"1"',
        trip: { clientRequestId: 'ours', requestId: 'theirs' },
        generation: 5,
        ...instants,
      })
      await store.set('a/1', whole)
      assertSame(await store.get('a/1'), whole, leeway)
    })

    test('keeps what it was given last', async () => {
      const store = await create()
      await store.set('a/1', good('old'))
      await store.set('a/1', good('new'))
      assert.equal((await store.get('a/1'))?.body, 'new')
    })

    test('takes the deletion of what it has not', async () => {
      const store = await create()
      await store.delete('a/1')
      assert.equal(await store.get('a/1'), undefined)
    })

    test('leaves it to others what may be given: what is spent does no harm, and what is only a last resort is there', async () => {
      const store = await create()
      const lastResort = good('last resort', { storedAt: -60, freshUntil: -50, revalidateUntil: -40 })
      await store.set('a/1', lastResort)
      await store.set('b/1', entry('spent', { errorUntil: -1 }))
      assertSame(await store.get('a/1'), lastResort, leeway)
      const spent = (await store.get('b/1'))?.body
      assert.ok(spent === 'spent' || (leeway.forgetsSpent && spent === undefined))
    })

    test('behaves as a map does, as long as there is room', async () => {
      const step = fc.record({
        what: fc.constantFrom('set', 'get', 'delete'),
        key: fc.constantFrom('a/1', 'a/2', 'a/1?id', 'b/1'),
        body: fc.string({ unit: 'binary-ascii', maxLength: 20 }),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
          const store = await create()
          const map = new Map<string, string>()
          for (const { what, key, body } of steps) {
            if (what === 'set') {
              await store.set(key, good(body))
              map.set(key, body)
            } else if (what === 'delete') {
              await store.delete(key)
              map.delete(key)
            }
            assert.equal((await store.get(key))?.body, map.get(key))
          }
        }),
      )
    })
  })
}
