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

export function entry(body: string, changes: Partial<Entry> = {}): Entry {
  const instants = { askedAt: 0, storedAt: 0, freshUntil: 0, revalidateUntil: 0, errorUntil: 0 }
  return { ...answer(body), etag: '"e"', generation: 0, ...instants, ...changes }
}

/** @param create an empty one, with room for some hundred small entries at least */
export function keepsTheContract(name: string, create: () => AnyStore | Promise<AnyStore>): void {
  describe(`${name}, as a store,`, () => {
    test('gives what was set under its own key alone, until it is deleted', async () => {
      const store = await create()
      await store.set('a/1', entry('a'))
      await store.set('b/1', entry('b'))
      assert.deepEqual([await store.get('a/1'), await store.get('b/1')], [entry('a'), entry('b')])
      for (const other of ['a', 'a/', 'a/1?', 'A/1', 'c/1', ''])
        assert.equal(await store.get(other), undefined)
      await store.delete('a/1')
      assert.deepEqual([await store.get('a/1'), await store.get('b/1')], [undefined, entry('b')])
    })

    test('keeps everything of an entry: the bytes, a 404, what Graph said, and every instant', async () => {
      const store = await create()
      const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code))
      const instants = { askedAt: 0, storedAt: 1, freshUntil: 2, revalidateUntil: 3, errorUntil: 4 }
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
      assert.deepEqual(await store.get('a/1'), whole)
    })

    test('keeps what it was given last', async () => {
      const store = await create()
      await store.set('a/1', entry('old'))
      await store.set('a/1', entry('new'))
      assert.equal((await store.get('a/1'))?.body, 'new')
    })

    test('takes the deletion of what it has not, and keeps what is spent: freshness is not its business', async () => {
      const store = await create()
      await store.delete('a/1')
      await store.set('a/1', entry('spent', { errorUntil: -1 }))
      assert.equal((await store.get('a/1'))?.body, 'spent')
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
              await store.set(key, entry(body))
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
