import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createMemoryStore, type Store } from '../../src/cache/index.ts'
import { entry, keepsTheContract } from './store-contract.ts'

keepsTheContract('this process’s memory', () => createMemoryStore(2 ** 20))

/** What it costs to keep anything at all. */
const overhead = ((): number => {
  const store = createMemoryStore(100_000)
  store.set('', entry(''))
  return store.bytes
})()

/** Room for so many entries of one-letter keys and empty bodies. */
function roomFor(entries: number): Store {
  return createMemoryStore(entries * (overhead + 1))
}

test('an entry costs its key, body and headers, and what it costs to keep any at all', () => {
  // Less is not what was measured: with small entries the store would take far more memory than it may.
  assert.ok(overhead >= 500, String(overhead))
  const store = createMemoryStore(10_000)
  store.set('key', entry('12345', { headers: [['name', 'value']], validator: '"1"' }))
  assert.equal(store.bytes, overhead + 3 + 5 + 9 + 3)
  store.set('key', entry(''))
  assert.equal(store.bytes, overhead + 3)
  store.delete('key')
  assert.equal(store.bytes, 0)
})

test('for want of room the least recently used goes, and reading is using', () => {
  const store = roomFor(3)
  for (const key of ['a', 'b', 'c']) store.set(key, entry(''))
  store.get('a')
  store.set('d', entry(''))
  assert.equal(store.get('b'), undefined)
  store.set('c', entry(''))
  store.set('e', entry(''))
  assert.equal(store.get('a'), undefined)
  assert.deepEqual(
    ['c', 'd', 'e'].map((key) => store.get(key) !== undefined),
    [true, true, true],
  )
})

test('a large entry takes the room of as many as it needs', () => {
  const store = roomFor(4)
  for (const key of ['a', 'b', 'c', 'd']) store.set(key, entry(''))
  store.set('e', entry('x'.repeat(overhead + 1)))
  assert.deepEqual([store.get('a'), store.get('b'), store.entries], [undefined, undefined, 3])
})

test('an entry that fills the store to the byte is kept; one byte more is not, and does no harm', () => {
  const store = createMemoryStore(overhead + 1 + 100)
  store.set('a', entry('x'.repeat(100)))
  assert.equal(store.entries, 1)
  store.set('b', entry('x'.repeat(101)))
  assert.deepEqual([store.get('b'), store.get('a') !== undefined, store.entries], [undefined, true, 1])
})

test('an entry too large to be kept does not leave the one it replaces behind', () => {
  const store = createMemoryStore(overhead + 1 + 100)
  store.set('a', entry('old'))
  store.set('a', entry('x'.repeat(101)))
  assert.deepEqual([store.get('a'), store.entries, store.bytes], [undefined, 0, 0])
})

test('whatever is set and deleted, it never holds more bytes than it may, and counts what it holds', () => {
  const maxBytes = 10 * overhead
  const step = fc.tuple(
    fc.constantFrom('set', 'get', 'delete'),
    fc.nat({ max: 30 }),
    fc.nat({ max: 2 * overhead }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const store = createMemoryStore(maxBytes)
      for (const [what, key, size] of steps) {
        if (what === 'set') store.set(`k${key}`, entry('x'.repeat(size)))
        else if (what === 'get') store.get(`k${key}`)
        else store.delete(`k${key}`)
        assert.ok(store.bytes <= maxBytes)
      }
      let bytes = 0
      let entries = 0
      for (let key = 0; key <= 30; key += 1) {
        const held = store.get(`k${key}`)
        if (held === undefined) continue
        entries += 1
        bytes += overhead + `k${key}`.length + held.body.length
      }
      assert.deepEqual([store.entries, store.bytes], [entries, bytes])
    }),
  )
})

test('only what had to go for want of room counts as evicted', () => {
  const store = roomFor(2)
  store.set('a', entry(''))
  store.set('a', entry(''))
  store.set('b', entry(''))
  store.delete('b')
  assert.equal(store.evicted, 0)
  for (const key of ['b', 'c', 'd']) store.set(key, entry(''))
  assert.equal(store.evicted, 2)
})

test('a sweep forgets from the least recently used on, and ends at the first that is not gone', () => {
  const store = roomFor(10)
  for (const key of ['a', 'b', 'c', 'd', 'e']) store.set(key, entry(key))
  store.get('a')
  const seen: string[] = []
  const isDone = store.sweep((key, { body }) => {
    seen.push(`${key}${body}`)
    return key !== 'd'
  })
  assert.deepEqual([isDone, seen, store.entries], [true, ['bb', 'cc', 'dd'], 3])
  // Looking is not using: d is the next to go, still.
  const next: string[] = []
  store.sweep((key) => next.push(key) < 2)
  assert.deepEqual([next, store.entries], [['d', 'e'], 2])
})

test('a sweep of very much stops in between, and says so', () => {
  const store = createMemoryStore(2 ** 30)
  for (let key = 0; key < 1_001; key += 1) store.set(`k${key}`, entry(''))
  assert.deepEqual([store.sweep(() => true), store.entries], [false, 1])
  assert.deepEqual([store.sweep(() => true), store.entries, store.bytes], [true, 0, 0])
})
