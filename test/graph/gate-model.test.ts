import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { GraphThrottled } from '../../src/graph/errors.ts'
import { createGate, type Gate, type Pass } from '../../src/graph/gate.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'

interface Trip {
  readonly pass: Pass
  /** How often the gate had shut when it passed. */
  readonly shutBefore: number
}

/** What anybody may rely on, kept without looking into the gate. */
interface Known {
  trips: Trip[]
  /** When it was last seen shut, until when. */
  shutUntil: number
  shuttings: number
  /** Shut since the last success of a trip that left after it had shut. */
  isDoubtful: boolean
}

interface Real {
  readonly gate: Gate
  readonly clock: FakeClock
}

type Step = fc.Command<Known, Real>

/** Somebody wants to pass. */
class Enter implements Step {
  check = (): boolean => true
  toString = (): string => 'enter'

  run(known: Known, { gate, clock }: Real): void {
    const isShut = clock.now() < known.shutUntil
    const isProbed = known.isDoubtful && known.trips.some(({ shutBefore }) => shutBefore === known.shuttings)
    try {
      const pass = gate.enter()
      assert.ok(!isShut, 'somebody passed a shut gate')
      assert.ok(!isProbed, 'somebody passed beside a probe')
      known.trips.push({ pass, shutBefore: known.shuttings })
    } catch (error) {
      if (!(error instanceof GraphThrottled)) throw error
      assert.ok(error.retryAfterMs > 0 && error.retryAfterMs <= 300_000)
      assert.ok(known.isDoubtful, 'an open gate let nobody pass')
      // A late probe may still be out after its gate shut again.
      assert.ok(isShut || known.trips.length > 0, 'nobody is out, and nobody may go')
    }
  }
}

/** One of those under way is back. */
class Report implements Step {
  readonly which: number
  readonly outcome: 'served' | 'failed' | 'abandoned' | number | undefined

  constructor(which: number, outcome: 'served' | 'failed' | 'abandoned' | number | undefined) {
    this.which = which
    this.outcome = outcome
  }

  check = ({ trips }: Readonly<Known>): boolean => trips.length > 0
  toString = (): string => `trip ${this.which}: ${this.outcome ?? '429'}`

  run(known: Known, { gate, clock }: Real): void {
    const [trip] = known.trips.splice(this.which % known.trips.length, 1)
    assert.ok(trip !== undefined)
    const isLate = trip.shutBefore !== known.shuttings
    const before = gate.shutForMs
    if (this.outcome === 'served' || this.outcome === 'failed' || this.outcome === 'abandoned') {
      trip.pass[this.outcome]()
    } else {
      trip.pass.throttled(this.outcome)
    }
    assert.ok(gate.shutForMs >= before, 'somebody who came back opened a shut gate')
    assert.ok(gate.shutForMs <= 300_000)
    if (typeof this.outcome === 'number') assert.ok(gate.shutForMs >= Math.min(300_000, this.outcome))
    else if (isLate) assert.equal(gate.shutForMs, before)
    else if (this.outcome === 'failed' && known.isDoubtful) assert.ok(gate.shutForMs > 0, 'a probe failed')
    else if (this.outcome === undefined) assert.ok(gate.shutForMs > 0, 'a 429 changed nothing')

    if (typeof this.outcome === 'number' || gate.shutForMs > before) {
      known.shutUntil = clock.now() + gate.shutForMs
      known.shuttings += 1
      known.isDoubtful = true
    } else if (this.outcome === 'served' && !isLate) {
      known.isDoubtful = false
    }
  }
}

class Pause implements Step {
  readonly ms: number

  constructor(ms: number) {
    this.ms = ms
  }

  check = (): boolean => true
  toString = (): string => `${this.ms} ms`
  run = (_known: Known, { clock }: Real): void => clock.advance(this.ms)
}

const which = fc.nat({ max: 20 })
const steps = fc.commands(
  [
    fc.constant(new Enter()),
    fc.constant(new Enter()),
    fc
      .tuple(which, fc.constantFrom('served' as const, 'failed' as const, 'abandoned' as const))
      .map(([trip, outcome]) => new Report(trip, outcome)),
    which.map((trip) => new Report(trip, 'failed')),
    fc
      .tuple(which, fc.option(fc.nat({ max: 400_000 }), { nil: undefined }))
      .map(([trip, ms]) => new Report(trip, ms)),
    fc.constantFrom(1, 99, 1_000, 2_000, 60_000, 300_000).map((ms) => new Pause(ms)),
  ],
  { maxCommands: 60 },
)

test('whatever becomes of the trips: nobody passes a shut gate, and never two while it is being probed', () => {
  fc.assert(
    fc.property(steps, (commands) => {
      const clock = createFakeClock(0)
      fc.modelRun(
        () => ({
          model: { trips: [], shutUntil: 0, shuttings: 0, isDoubtful: false },
          real: { gate: createGate(clock.now), clock },
        }),
        commands,
      )
    }),
    { numRuns: 2_000 },
  )
})
