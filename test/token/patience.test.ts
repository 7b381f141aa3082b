import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExchangeFailed } from '../../src/token/index.ts'
import { type Reply, sessionPath, startWorld } from '../world/world.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { hourMs, scripted } from './scripted.ts'

const unavailable = { name: 'TokenUnavailable', status: 503, retryAfterMs: 1_000 }

test('two hundred who wait for an Entra that is slow wait three seconds, those after them not at all', async () => {
  const script = scripted()
  const waiting = Promise.allSettled(Array.from({ length: 200 }, () => script.provider.get()))
  await script.advance(3_000)
  for (const outcome of await waiting) {
    assert.ok(outcome.status === 'rejected')
    assert.equal(outcome.reason.reason, 'the token exchange has not been answered yet')
  }
  await assert.rejects(script.provider.get(), unavailable)
  assert.equal(script.exchanges, 1)
  // It goes on without them.
  await script.grant('late')
  assert.equal(await script.provider.get(), 'late')
  assert.equal(script.exchanges, 1)
})

test('after a failure nobody waits for the next exchange, even one that is under way', async () => {
  const script = scripted()
  void script.provider.get().catch(() => undefined)
  await script.refuse(new ExchangeFailed('down'))
  await script.advance(750)
  assert.equal(script.exchanges, 2)
  await assert.rejects(script.provider.get(), { ...unavailable, reason: 'down' })
  await script.grant('at last')
  assert.equal(await script.provider.get(), 'at last')
})

test('a token that Graph calls invalid is held back for three seconds while Entra is slow, and then used', async () => {
  const script = scripted()
  void script.provider.get()
  await script.grant('only')
  assert.equal(script.provider.reject('only'), true)
  const waiting = script.provider.get()
  await script.advance(3_000)
  assert.equal(await waiting, 'only')
  assert.equal(await script.provider.get(), 'only')
  assert.equal(script.exchanges, 2)
})

test('while exchanges fail a token that Graph calls invalid is kept, whether one is under way or not', async () => {
  const script = scripted()
  void script.provider.get()
  await script.grant('only')
  await script.advance(hourMs - 600_000)
  await script.refuse(new ExchangeFailed('down'))
  for (const ms of [0, 750]) {
    await script.advance(ms)
    assert.equal(script.provider.reject('only'), false)
    assert.equal(await script.provider.get(), 'only')
  }
  assert.equal(script.exchanges, 3)
})

test('when closed, whoever waits is told at once, and no timer is left', async () => {
  const script = scripted()
  const waiting = assert.rejects(script.provider.get(), unavailable)
  script.provider.close()
  await waiting
  assert.equal(script.clock.pending, 0)
})

test('a 401 of Graph while Entra is away does not lose the only token', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({ clock })
  const { emulator } = world
  assert.equal((await world.ask()).status, 200)
  emulator.fail('token', { kind: 'status', status: 503 }, Infinity)
  emulator.fail('graph', { kind: 'status', status: 401 }, 2)
  const select = (names: string): Promise<Reply> => world.ask(`${sessionPath}?$select=${names}`)
  assert.equal((await select('id')).status, 502)
  assert.equal(emulator.graph.calls, 3, 'once more with the same token, for no other was to be had')
  assert.equal((await select('displayName')).status, 200)
  assert.match((await world.manage('/readyz')).body, /token: renewalFailing/)
})
