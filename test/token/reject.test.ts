import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTokenProvider, ExchangeFailed } from '../../src/token/index.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { hourMs, type Scripted, scripted } from './scripted.ts'

async function holding(value: string): Promise<Scripted> {
  const script = scripted()
  void script.provider.get()
  await script.grant(value)
  return script
}

test('a rejected token is not sent again, and one exchange replaces it, however many reject it', async () => {
  const script = await holding('first')
  assert.deepEqual(
    Array.from({ length: 50 }, () => script.provider.reject('first')),
    Array.from({ length: 50 }, () => true),
  )
  assert.equal(script.exchanges, 2)
  const waiting = Promise.all([script.provider.get(), script.provider.get()])
  await script.grant('second')
  assert.deepEqual(await waiting, ['second', 'second'])
  assert.equal(script.exchanges, 2)
})

test('whoever rejects a token that has been replaced gets the other one, without an exchange', async () => {
  const script = await holding('first')
  script.provider.reject('first')
  await script.grant('second')
  assert.equal(script.provider.reject('first'), true)
  assert.equal(script.provider.reject('never held'), true)
  assert.deepEqual([await script.provider.get(), script.exchanges], ['second', 2])
})

test('an exchange is forced once in 30 s: until then a rejected token stays', async () => {
  const script = await holding('first')
  script.provider.reject('first')
  await script.grant('second')
  await script.advance(29_999)
  assert.equal(script.provider.reject('second'), false)
  assert.deepEqual([await script.provider.get(), script.exchanges], ['second', 2])
  await script.advance(1)
  assert.equal(script.provider.reject('second'), true)
  assert.equal(script.exchanges, 3)
})

test('a token that is rejected while its renewal is under way waits for that one', async () => {
  const script = await holding('first')
  await script.advance(50 * 60_000)
  assert.equal(script.exchanges, 2)
  assert.equal(script.provider.reject('first'), true)
  const waiting = script.provider.get()
  await script.grant('second')
  assert.deepEqual([await waiting, script.exchanges], ['second', 2])
})

test('a rejected token is used after all when no other can be had: it may be Graph that erred', async () => {
  const script = await holding('first')
  assert.equal(script.provider.reject('first'), true)
  const waiting = script.provider.get()
  await script.refuse(new ExchangeFailed('down'))
  assert.equal(await waiting, 'first')
  assert.equal(script.provider.reject('first'), false)
  await script.advance(30_000)
  await script.grant('second')
  assert.equal(await script.provider.get(), 'second')
})

test('an exchange that ends in nonsense, or an observer that fails, is a failure, and not the end', async () => {
  const clock = createFakeClock()
  let exchanges = 0
  const provider = createTokenProvider({
    exchange: () =>
      Promise.resolve({ value: `${(exchanges += 1)}`, expiresAt: clock.now() + hourMs, roles: [] }),
    clock,
    random: () => 0,
    observer: {
      exchanged() {
        if (exchanges === 1) throw new RangeError('Invalid time value')
      },
      failed: () => undefined,
    },
  })
  await provider.get().catch(() => undefined)
  clock.advance(60_000)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(await provider.get(), '2')
  provider.close()
})

test('a rejected token does not override the wait that Entra asked for', async () => {
  const script = await holding('first')
  await script.advance(50 * 60_000)
  await script.refuse(new ExchangeFailed('slow down', { retryAfterMs: 60_000 }))
  await script.advance(1_000)
  assert.equal(script.provider.reject('first'), false)
  assert.deepEqual([await script.provider.get(), script.exchanges], ['first', 2])
  await script.advance(59_000)
  await script.grant('second')
  assert.deepEqual([await script.provider.get(), script.exchanges], ['second', 3])
})

test('a closed provider starts nothing more by itself, and tells its observer nothing more', async () => {
  const renewing = await holding('first')
  renewing.provider.close()
  assert.equal(renewing.clock.pending, 0)
  await renewing.advance(hourMs)
  assert.deepEqual([renewing.exchanges, renewing.told.length], [1, 1])

  for (const end of [
    (script: Scripted) => script.grant('late'),
    (script: Scripted) => script.refuse(new ExchangeFailed('late')),
  ]) {
    const script = scripted()
    const waiting = assert.rejects(script.provider.get(), { name: 'TokenUnavailable' })
    script.provider.close()
    await end(script)
    await waiting
    assert.deepEqual([script.told.length, script.clock.pending], [0, 0])
  }
})
