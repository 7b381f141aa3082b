import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counted, forge } from './counted.ts'
import { createForge } from './forge.ts'

test('a verified token is believed for a minute, then verified again', async () => {
  const world = counted()
  const token = world.token()
  for (const [ms, verifications] of [
    [0, 1],
    [0, 1],
    [59_999, 1],
    [1, 2],
    [59_999, 2],
    [1, 3],
  ] as const) {
    world.clock.advance(ms)
    assert.equal(await world.subjectOf(token), 'reader')
    assert.equal(world.verifications, verifications)
  }
})

test('being asked for does not make a remembered token live longer', async () => {
  const world = counted()
  const token = world.token()
  for (let second = 0; second < 120; second += 1) {
    await world.subjectOf(token)
    world.clock.advance(1000)
  }
  assert.equal(world.verifications, 2)
})

test('a remembered token needs no promise: the answer is there at once', async () => {
  const world = counted()
  const token = `Bearer ${world.token()}`
  const caller = await world.callers.identify(token)
  assert.equal(world.callers.identify(token), caller)
  assert.equal(world.callers.identify(token.replace('Bearer', 'bearer ')), caller)
})

test('a token is never believed past its exp, tolerance or not', async () => {
  const world = counted()
  const token = world.token({ exp: world.clock.now() / 1000 + 10 })
  await world.subjectOf(token)
  world.clock.advance(9_999)
  assert.equal(await world.subjectOf(token), 'reader')
  assert.equal(world.verifications, 1)
  world.clock.advance(1)
  assert.equal(await world.subjectOf(token), 'reader', 'tolerated, but looked at each time')
  assert.equal(await world.subjectOf(token), 'reader')
  assert.equal(world.verifications, 3)
  world.clock.advance(30_000)
  assert.equal(await world.subjectOf(token), undefined)
})

test('a token without a real end is believed no longer than others', async () => {
  const world = counted()
  const token = world.token({ exp: 1e300 })
  await world.subjectOf(token)
  world.clock.advance(60_000)
  await world.subjectOf(token)
  assert.equal(world.verifications, 2)
})

test('new keys end every memory: a withdrawn key signs for nobody any more', async () => {
  const world = counted()
  const token = world.token()
  assert.equal(await world.subjectOf(token), 'reader')
  const next = createForge()
  world.publish(next, forge)
  assert.equal(await world.subjectOf(token), 'reader')
  assert.equal(world.verifications, 2)
  world.publish(next)
  assert.equal(await world.subjectOf(token), undefined)
})

test('keys that change while a token is being verified end that memory, too', async () => {
  const world = counted()
  const token = world.token()
  world.whileVerifying = () => world.publish(createForge())
  assert.equal(await world.subjectOf(token), 'reader')
  assert.equal(await world.subjectOf(token), undefined)
})

test('a refused token is not remembered, neither as good nor as bad', async () => {
  const world = counted()
  const early = world.token({ nbf: world.clock.now() / 1000 + 60 })
  assert.equal(await world.subjectOf(early), undefined)
  assert.equal(await world.subjectOf(early), undefined)
  assert.equal(world.verifications, 2)
  world.clock.advance(30_000)
  assert.equal(await world.subjectOf(early), 'reader')
})

test('tokens that differ in one bit are not the same', async () => {
  const world = counted()
  const token = world.token()
  assert.equal(await world.subjectOf(token), 'reader')
  const [header, payload, signature = ''] = token.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  bytes[0] = (bytes[0] ?? 0) ^ 1
  assert.equal(await world.subjectOf([header, payload, bytes.toString('base64url')].join('.')), undefined)
})

test('ten thousand tokens are remembered, and the one not used for longest goes first', async () => {
  const world = counted()
  const used = world.token({ sub: 'used' })
  const idle = world.token({ sub: 'idle' })
  await world.subjectOf(idle)
  await world.subjectOf(used)
  for (let batch = 0; batch < 100; batch += 1) {
    const others = Array.from({ length: 100 }, (_, index) => world.token({ sub: `${batch}-${index}` }))
    await Promise.all(others.map((token) => world.subjectOf(token)))
    assert.equal(await world.subjectOf(used), 'used')
  }
  assert.equal(world.verifications, 10_002)
  await world.subjectOf(used)
  assert.equal(world.verifications, 10_002)
  await world.subjectOf(idle)
  assert.equal(world.verifications, 10_003)
})
