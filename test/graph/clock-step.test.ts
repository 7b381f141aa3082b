import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import { sessionPath, startWorld } from '../world/world.ts'

/** Within what is tolerated of callers' tokens, so that only what lasts could notice. */
const stepMs = 20_000

for (const [way, byMs] of [
  ['back', -stepMs],
  ['forward', stepMs],
] as const) {
  test(`a clock that is set ${way} neither prolongs nor shortens what Graph asked us to wait`, async () => {
    const clock = createFakeClock()
    await using world = await startWorld({ clock })
    world.emulator.fail('graph', { kind: 'status', status: 429, retryAfter: '5' })
    assert.equal((await world.ask()).status, 503)
    clock.set(byMs)
    // A gate that opens within a second would be waited for.
    clock.advance(3_999)
    assert.equal((await world.ask()).status, 503)
    clock.advance(1_001)
    assert.equal((await world.ask()).status, 200)
    assert.equal(world.emulator.graph.calls, 2)
  })
}

test('a key that Graph refused is left alone for its 10 s, though the clock is set back', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({ clock })
  world.emulator.fail('graph', { kind: 'status', status: 403 })
  assert.equal((await world.ask(sessionPath)).status, 502)
  clock.set(-stepMs)
  clock.advance(9_999)
  assert.equal((await world.ask(sessionPath)).status, 502)
  clock.advance(1)
  assert.equal((await world.ask(sessionPath)).status, 200)
  assert.equal(world.emulator.graph.calls, 2)
})
