import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GraphThrottled } from '../../src/graph/errors.ts'
import { createGate, type Gate, type Pass } from '../../src/graph/gate.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'

interface Tried {
  readonly clock: FakeClock
  readonly gate: Gate
  /** Five failures in a row, and the second that the gate shuts for them. */
  readonly shutByFailures: () => void
}

function gateWithClock(): Tried {
  const clock = createFakeClock()
  const gate = createGate(clock.now)
  return {
    clock,
    gate,
    shutByFailures() {
      for (let failures = 0; failures < 5; failures += 1) gate.enter().failed()
    },
  }
}

function assertShut(gate: Gate, retryAfterMs: number): void {
  assert.throws(
    () => gate.enter(),
    (error) => error instanceof GraphThrottled && error.retryAfterMs === retryAfterMs,
  )
}

test('an open gate lets any number pass at once', () => {
  const { gate } = gateWithClock()
  for (let passes = 0; passes < 100; passes += 1) gate.enter()
  assert.equal(gate.shutForMs, 0)
})

test('the fifth failure in a row shuts it for a second, and not the fourth', () => {
  const { clock, gate, shutByFailures } = gateWithClock()
  for (let failures = 0; failures < 4; failures += 1) gate.enter().failed()
  gate.enter().abandoned()
  assert.equal(gate.shutForMs, 0)
  gate.enter().served()
  shutByFailures()
  assert.equal(gate.shutForMs, 1_000)
  clock.advance(400)
  assert.equal(gate.shutForMs, 600)
  assertShut(gate, 600)
})

test('failures with a success between them are not in a row', () => {
  const { gate } = gateWithClock()
  for (let failures = 0; failures < 20; failures += 1) {
    gate.enter().failed()
    if (failures % 4 === 3) gate.enter().served()
  }
  assert.equal(gate.shutForMs, 0)
})

test('it reopens with one probe, and the others follow once the probe is served', () => {
  const { clock, gate, shutByFailures } = gateWithClock()
  shutByFailures()
  clock.advance(1_000)
  const probe = gate.enter()
  assert.equal(gate.shutForMs, 0)
  for (let others = 0; others < 50; others += 1) assertShut(gate, 1_000)
  probe.served()
  gate.enter()
  gate.enter()
})

test('a probe that fails shuts it for twice as long as before, up to a minute', () => {
  const { clock, gate, shutByFailures } = gateWithClock()
  shutByFailures()
  for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
    assert.equal(gate.shutForMs, seconds * 1000)
    clock.advance(seconds * 1000)
    gate.enter().failed()
  }
})

test('a served probe forgets the failures: it takes five again, and a second again', () => {
  const { clock, gate, shutByFailures } = gateWithClock()
  shutByFailures()
  clock.advance(1_000)
  gate.enter().failed()
  clock.advance(2_000)
  gate.enter().served()
  for (let failures = 0; failures < 4; failures += 1) gate.enter().failed()
  assert.equal(gate.shutForMs, 0)
  gate.enter().failed()
  assert.equal(gate.shutForMs, 1_000)
})

test('an abandoned probe makes room for another, and the gate stays as careful', () => {
  const { clock, gate, shutByFailures } = gateWithClock()
  shutByFailures()
  clock.advance(1_000)
  gate.enter().abandoned()
  const probe = gate.enter()
  assertShut(gate, 1_000)
  probe.failed()
  assert.equal(gate.shutForMs, 2_000)
})

const late: readonly (readonly [what: string, report: (pass: Pass) => void])[] = [
  ['success', (pass) => pass.served()],
  ['failure', (pass) => pass.failed()],
  ['429 without Retry-After', (pass) => pass.throttled(undefined)],
]

for (const [what, report] of late) {
  test(`a late ${what}, of a trip from before the gate shut, changes nothing while it is shut`, () => {
    const { gate, shutByFailures } = gateWithClock()
    const early = gate.enter()
    shutByFailures()
    report(early)
    assert.equal(gate.shutForMs, 1_000)
    assertShut(gate, 1_000)
  })

  test(`a late ${what} changes nothing while the gate is being probed`, () => {
    const { clock, gate, shutByFailures } = gateWithClock()
    const early = gate.enter()
    shutByFailures()
    clock.advance(1_000)
    const probe = gate.enter()
    report(early)
    assert.equal(gate.shutForMs, 0)
    assertShut(gate, 1_000)
    probe.failed()
    assert.equal(gate.shutForMs, 2_000)
  })
}

test('trips that are throttled together without Retry-After are one back-off, and not one for each', () => {
  const { clock, gate } = gateWithClock()
  const passes = Array.from({ length: 10 }, () => gate.enter())
  for (const pass of passes) pass.throttled(undefined)
  assert.equal(gate.shutForMs, 1_000)
  clock.advance(1_000)
  gate.enter().throttled(undefined)
  assert.equal(gate.shutForMs, 2_000)
})

test('of several waits that Graph asked for the longest counts, whoever hears of it last', () => {
  const { gate } = gateWithClock()
  const [first, second, third] = [gate.enter(), gate.enter(), gate.enter()]
  first.throttled(5_000)
  second.throttled(9_000)
  third.throttled(2_000)
  assert.equal(gate.shutForMs, 9_000)
})

for (const [asked, shutFor] of [
  [0, 100],
  [99, 100],
  [249, 249],
  [299_999, 299_999],
  [300_001, 300_000],
  [Number.MAX_SAFE_INTEGER, 300_000],
] as const) {
  test(`a Retry-After of ${asked} ms shuts it for ${shutFor} ms`, () => {
    const { gate } = gateWithClock()
    gate.enter().throttled(asked)
    assert.equal(gate.shutForMs, shutFor)
  })
}

test('a pass reports once: what comes after its first outcome counts for nothing', () => {
  const { clock, gate } = gateWithClock()
  for (let passes = 0; passes < 4; passes += 1) gate.enter().failed()
  const twice = gate.enter()
  twice.abandoned()
  twice.failed()
  twice.throttled(5_000)
  assert.equal(gate.shutForMs, 0)
  gate.enter().failed()
  clock.advance(1_000)
  const probe = gate.enter()
  probe.failed()
  probe.served()
  assert.equal(gate.shutForMs, 2_000)
})
