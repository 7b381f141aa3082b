import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExchangeFailed, TokenUnavailable } from '../../src/token/index.ts'
import { hourMs, scripted } from './scripted.ts'

const minuteMs = 60_000
const failed = new ExchangeFailed('Entra is not well')

/** For `assert.rejects`: quick, with a time to ask again, and the reason for the operator alone. */
const unavailable = (retryAfterMs: number, reason = failed.message): object => ({
  name: 'TokenUnavailable',
  status: 503,
  retryAfterMs,
  reason,
})

test('a thousand who wait for the first token share one exchange', async () => {
  const script = scripted()
  const waiting = Array.from({ length: 1000 }, () => script.provider.get())
  await script.grant('first')
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set(['first']))
  assert.equal(await script.provider.get(), 'first')
  assert.deepEqual([script.exchanges, script.told.length], [1, 1])
})

test('all who wait share one failure, too', async () => {
  const script = scripted()
  const waiting = Promise.allSettled(Array.from({ length: 100 }, () => script.provider.get()))
  await script.refuse(failed)
  for (const outcome of await waiting) {
    assert.ok(outcome.status === 'rejected' && outcome.reason instanceof TokenUnavailable)
    assert.doesNotMatch(outcome.reason.message, /not well/)
  }
  assert.equal(script.exchanges, 1)
})

test('nothing is exchanged before somebody asks', async () => {
  const script = scripted()
  await script.advance(hourMs)
  assert.deepEqual([script.exchanges, script.provider.state], [0, 'none'])
})

for (const [life, lifeMs, renewedAtMs] of [
  ['an hour, ten minutes before its end', hourMs, 50 * minuteMs],
  ['a day, ten minutes before its end', 24 * hourMs, 24 * hourMs - 10 * minuteMs],
  ['twenty minutes, with a quarter left', 20 * minuteMs, 15 * minuteMs],
] as const) {
  test(`a token that lives ${life} is renewed with nobody asking or waiting`, async () => {
    const script = scripted()
    const first = script.provider.get()
    await script.grant('first', { lifeMs })
    await first
    await script.advance(renewedAtMs - 1)
    assert.equal(script.exchanges, 1)
    await script.advance(1)
    assert.equal(script.exchanges, 2)
    assert.equal(await script.provider.get(), 'first')
    await script.grant('second', { lifeMs })
    assert.equal(await script.provider.get(), 'second')
    assert.equal(script.exchanges, 2)
  })
}

test('a valid token is used while its renewal fails, up to ten seconds before its end', async () => {
  const script = scripted()
  void script.provider.get()
  await script.grant('only')
  await script.advance(50 * minuteMs)
  await script.refuse(failed)
  assert.equal(script.provider.state, 'renewalFailing')
  const endsInMs = 10 * minuteMs - 10_000
  let passedMs = 0
  while (passedMs < endsInMs - 1) {
    const stepMs = Math.min(1_000, endsInMs - 1 - passedMs)
    const before = script.exchanges
    await script.advance(stepMs)
    passedMs += stepMs
    if (script.exchanges > before) await script.refuse(failed)
    assert.equal(await script.provider.get(), 'only')
  }
  assert.equal(script.provider.state, 'renewalFailing')
  await script.advance(1)
  assert.equal(script.provider.state, 'none')
  await assert.rejects(script.provider.get(), { name: 'TokenUnavailable' })
})

test('a token that is renewed after failures is in good standing again', async () => {
  const script = scripted()
  void script.provider.get()
  await script.grant('first')
  await script.advance(50 * minuteMs)
  await script.refuse(failed)
  await script.advance(1_000)
  await script.grant('second')
  assert.deepEqual([await script.provider.get(), script.provider.state], ['second', 'valid'])
})

test('failures are retried behind those who ask, at growing distances, and recovery needs no traffic', async () => {
  const script = scripted()
  const first = assert.rejects(script.provider.get(), unavailable(1_000))
  await script.refuse(failed)
  await first
  for (const waitMs of [750, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000, 45_000]) {
    const [last] = script.told.slice(-1)
    assert.ok(last !== undefined && 'failure' in last)
    assert.equal(last.retryInMs, waitMs)
    const exchanges = script.exchanges
    await script.advance(waitMs - 1)
    assert.equal(script.exchanges, exchanges)
    await script.advance(1)
    assert.equal(script.exchanges, exchanges + 1)
    await script.refuse(failed)
  }
  await script.advance(45_000)
  await script.grant('at last')
  assert.deepEqual([script.provider.state, await script.provider.get()], ['valid', 'at last'])
})

test('while backing off, whoever asks is told at once how long, and no exchange is begun', async () => {
  const script = scripted(() => 0.999)
  void script.provider.get().catch(() => {})
  await script.refuse(new ExchangeFailed('slow down', { retryAfterMs: 20_000 }))
  const exchanges = script.exchanges
  await assert.rejects(script.provider.get(), unavailable(20_000, 'slow down'))
  await script.advance(19_000)
  await assert.rejects(script.provider.get(), unavailable(1_000, 'slow down'))
  await script.advance(999)
  await assert.rejects(script.provider.get(), unavailable(1_000, 'slow down'))
  assert.equal(script.exchanges, exchanges)
  await script.advance(1)
  assert.equal(script.exchanges, exchanges + 1)
})

test('retries of many replicas spread over a quarter of the wait', async () => {
  const waits: number[] = []
  for (const random of [0, 0.5, 0.999_999]) {
    const script = scripted(() => random)
    void script.provider.get().catch(() => {})
    await script.refuse(failed)
    const [told] = script.told
    assert.ok(told !== undefined && 'failure' in told)
    waits.push(Math.round(told.retryInMs))
  }
  assert.deepEqual(waits, [750, 875, 1000])
})

test('a Retry-After of Entra counts when it is longer than our own wait, up to ten minutes', async () => {
  for (const [retryAfterMs, waitMs] of [
    [5, 750],
    [30_000, 30_000],
    [Number.MAX_SAFE_INTEGER, 600_000],
  ] as const) {
    const script = scripted()
    void script.provider.get().catch(() => {})
    await script.refuse(new ExchangeFailed('wait', { retryAfterMs }))
    const [told] = script.told
    assert.ok(told !== undefined && 'failure' in told)
    assert.equal(told.retryInMs, waitMs)
    await script.advance(waitMs - 1)
    assert.equal(script.exchanges, 1)
    await script.advance(1)
    assert.equal(script.exchanges, 2)
  }
})

test('an exchange that breaks in a way nobody foresaw is a failure like any other', async () => {
  const script = scripted()
  const asking = assert.rejects(script.provider.get(), { name: 'TokenUnavailable' })
  await script.refuse(new TypeError('unforeseen'))
  await asking
  await script.advance(750)
  assert.equal(script.exchanges, 2)
})

test('a token without the role is used, told, and exchanged again every minute until it has it', async () => {
  const script = scripted()
  void script.provider.get()
  await script.grant('role-less', { roles: ['Other.Role'] })
  assert.deepEqual([script.provider.state, await script.provider.get()], ['roleMissing', 'role-less'])
  await script.advance(minuteMs - 1)
  assert.equal(script.exchanges, 1)
  await script.advance(1)
  assert.equal(script.exchanges, 2)
  await script.grant('still role-less', { roles: [] })
  await script.advance(minuteMs)
  await script.grant('with the role')
  assert.deepEqual([script.provider.state, script.exchanges], ['valid', 3])
  await script.advance(minuteMs)
  assert.equal(script.exchanges, 3)
})

test('a token that is as good as over when it comes is no reason to exchange for each who asks', async () => {
  const script = scripted()
  const asking = assert.rejects(script.provider.get(), { name: 'TokenUnavailable' })
  await script.grant('dead on arrival', { lifeMs: 5_000 })
  await asking
  await assert.rejects(script.provider.get(), { name: 'TokenUnavailable' })
  assert.deepEqual([script.exchanges, script.provider.state], [1, 'none'])
})
