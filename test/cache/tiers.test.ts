import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryStore, type Entry } from '../../src/cache/index.ts'
import { createPurges } from '../../src/cache/purges.ts'
import { alone, type SharedTier } from '../../src/cache/shared.ts'
import { createTiers, type Tiers } from '../../src/cache/tiers.ts'
import { relatedTo } from './answer.ts'
import { entry } from './store-contract.ts'

const far = entry('far', { storedAt: 5, freshUntil: 100, revalidateUntil: 100, errorUntil: 100 })

/** Far away: what is asked for is answered when the test says so. */
function withSlowTier(): { tiers: Tiers; asked: PromiseWithResolvers<Entry | undefined>[] } {
  const asked: PromiseWithResolvers<Entry | undefined>[] = []
  const shared: SharedTier = {
    vouchedSince: () => -Infinity,
    get() {
      const question = Promise.withResolvers<Entry | undefined>()
      asked.push(question)
      return question.promise
    },
    delete() {},
    claim: () => Promise.resolve(alone),
    purge: () => Promise.resolve(),
    onPurge() {},
  }
  const purges = createPurges()
  const store = createMemoryStore(2 ** 20)
  return { tiers: createTiers({ store, shared, purges, timeline: () => 10, keysOf: relatedTo }), asked }
}

test('far away is asked once, however many want to know, and again when that has been answered', async () => {
  const { tiers, asked } = withSlowTier()
  const both = [tiers.far('a/1'), tiers.far('a/1')]
  asked[0]?.resolve(far)
  assert.deepEqual(
    (await Promise.all(both)).map((found) => found?.body),
    ['far', 'far'],
  )
  assert.equal(tiers.near('a/1')?.body, 'far')
  void tiers.far('a/1')
  assert.equal(asked.length, 2)
})

for (const [what, happens] of [
  ['dropped', (tiers: Tiers) => tiers.drop('a/1', false)],
  ['dropped here, under another key of its resource', (tiers: Tiers) => tiers.dropNear('a/1?id')],
  ['purged', (tiers: Tiers) => tiers.purged()],
] as const) {
  test(`what has been ${what} while it was on its way from far is not given, and does not come back`, async () => {
    const { tiers, asked } = withSlowTier()
    const before = tiers.far('a/1')
    happens(tiers)
    const after = tiers.far('a/1')
    asked[0]?.resolve(far)
    assert.equal(await before, undefined)
    assert.equal(tiers.near('a/1'), undefined)
    asked[1]?.resolve(undefined)
    assert.equal(await after, undefined)
  })
}

test('what is newer here than far stays', async () => {
  const { tiers, asked } = withSlowTier()
  const lookup = tiers.far('a/1')
  tiers.keep('a/1', { ...far, body: 'near', storedAt: 6 })
  asked[0]?.resolve(far)
  assert.equal((await lookup)?.body, 'near')
})
