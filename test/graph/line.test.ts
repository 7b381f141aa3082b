import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createGate, createLine, type Gate, type Line } from '../../src/graph/index.ts'
import type { Pass } from '../../src/graph/gate.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'

interface Standing {
  pass?: Pass
  refusal?: string
  readonly leave: () => void
}

let clock: FakeClock
let gate: Gate
let line: Line

beforeEach(() => {
  clock = createFakeClock(0)
  gate = createGate(clock.monotonic)
  line = createLine({ gate, clock, mostAtOnce: 2, mostWaiting: 3 })
})

/** Stands in line, and notes what becomes of it. */
async function enter({ withinMs = 10_000, isAwaited = true } = {}): Promise<Standing> {
  const leaving = new AbortController()
  const standing: Standing = { leave: () => leaving.abort() }
  const entering = { deadline: clock.monotonic() + withinMs, cancelled: leaving.signal, isAwaited }
  async function stand(): Promise<void> {
    try {
      standing.pass = await line.enter(entering)
    } catch (error) {
      standing.refusal = error instanceof Error ? error.name : String(error)
    }
  }
  void stand()
  await turn()
  return standing
}

async function enterMany(count: number): Promise<Standing[]> {
  const all: Standing[] = []
  while (all.length < count) all.push(await enter())
  return all
}

async function advance(ms: number): Promise<void> {
  clock.advance(ms)
  await turn()
}

/** `in`: has its turn; `-`: waits; or why it was refused. */
function outcomes(standing: readonly Standing[]): string[] {
  return standing.map(({ pass, refusal }) => refusal ?? (pass === undefined ? '-' : 'in'))
}

async function served({ pass }: Standing): Promise<void> {
  pass?.served()
  await turn()
}

/** What a trip usually takes is so long from now on. */
async function usually(ms: number): Promise<void> {
  for (let trips = 0; trips < 60; trips += 1) {
    const standing = await enter()
    clock.advance(ms)
    await served(standing)
  }
}

test('so many have their turn at once, so many wait, and whoever comes then is told to come again', async () => {
  const all = await enterMany(7)
  assert.deepEqual(outcomes(all), ['in', 'in', '-', '-', '-', 'GraphBusy', 'GraphBusy'])
  assert.deepEqual([line.underWay, line.waiting], [2, 3])
})

test('whoever waits the longest is next, whatever became of the one before', async () => {
  const all = await enterMany(5)
  for (const report of ['served', 'failed', 'abandoned'] as const) {
    const at = ['served', 'failed', 'abandoned'].indexOf(report)
    all[at]?.pass?.[report]()
    await turn()
    assert.deepEqual(outcomes(all).slice(0, at + 3), Array<string>(at + 3).fill('in'))
    assert.deepEqual(new Set(outcomes(all).slice(at + 3)), new Set(at < 2 ? ['-'] : []))
  }
})

test('a pass gives its place back once, however often it reports', async () => {
  const all = await enterMany(5)
  all[0]?.pass?.served()
  all[0]?.pass?.failed()
  all[0]?.pass?.abandoned()
  await turn()
  assert.deepEqual(outcomes(all), ['in', 'in', 'in', '-', '-'])
})

test('nobody overtakes those who wait', async () => {
  const all = await enterMany(3)
  all[0]?.pass?.served()
  const later = await enter()
  assert.deepEqual(outcomes([...all, later]), ['in', 'in', 'in', '-'])
})

test('a trip that nobody waits for has a free place or none', async () => {
  assert.deepEqual(outcomes([await enter({ isAwaited: false })]), ['in'])
  await enter()
  assert.deepEqual(outcomes([await enter({ isAwaited: false })]), ['GraphBusy'])
  assert.equal(line.waiting, 0)
})

test('whoever leaves makes room, and is not given a turn', async () => {
  const all = await enterMany(5)
  all[2]?.leave()
  await turn()
  assert.equal(line.waiting, 2)
  all[0]?.pass?.served()
  await turn()
  assert.deepEqual(outcomes(all), ['in', 'in', 'TripCancelled', 'in', '-'])
})

test('whoever has left before coming does not come', async () => {
  const leaving = new AbortController()
  leaving.abort()
  const entering = { deadline: 10_000, cancelled: leaving.signal, isAwaited: true }
  await assert.rejects(line.enter(entering), { name: 'TripCancelled' })
  assert.equal(line.underWay, 0)
})

test('nobody waits until there is no time left for a call: twice what one usually takes is kept for it', async () => {
  await usually(1_000)
  await enterMany(2)
  const waits = await enter({ withinMs: 4_000 })
  await advance(1_990)
  assert.deepEqual(outcomes([waits]), ['-'])
  await advance(20)
  assert.deepEqual(outcomes([waits]), ['GraphBusy'])
  assert.equal(line.waiting, 0)
})

test('whoever would have their turn too late is told at once', async () => {
  await usually(1_000)
  await enterMany(2)
  // Half a second until a place is free, and two for the call.
  assert.deepEqual(outcomes([await enter({ withinMs: 2_400 })]), ['GraphBusy'])
  assert.deepEqual(outcomes([await enter({ withinMs: 2_600 }), await enter({ withinMs: 2_900 })]), [
    '-',
    'GraphBusy',
  ])
})

test('one quick call does not make the others quick: what calls usually take is an average', async () => {
  await usually(1_000)
  const quick = await enter()
  await served(quick)
  await enterMany(2)
  // 800 ms are usual now: 400 until a place is free, and 1,600 for the call.
  assert.deepEqual(outcomes([await enter({ withinMs: 1_900 }), await enter({ withinMs: 2_100 })]), [
    'GraphBusy',
    '-',
  ])
})

test('a free place is taken, however little time there is', async () => {
  await usually(1_000)
  assert.deepEqual(outcomes([await enter({ withinMs: 1 })]), ['in'])
})

test('a gate that opens within a second is waited for, one goes first, and then as many as may', async () => {
  const [first] = await enterMany(1)
  first?.pass?.throttled(1_000)
  const all = await enterMany(3)
  assert.deepEqual(outcomes(all), ['-', '-', '-'])
  await advance(999)
  assert.deepEqual(outcomes(all), ['-', '-', '-'])
  await advance(1)
  assert.deepEqual(outcomes(all), ['in', '-', '-'])
  assert.deepEqual(
    all.map(({ pass }) => pass?.isProbe),
    [true, undefined, undefined],
  )
  all[0]?.pass?.served()
  await turn()
  assert.deepEqual(outcomes(all), ['in', 'in', 'in'])
  assert.equal(all[1]?.pass?.isProbe, false)
})

for (const [report, outcome] of [
  ['served', 'in'],
  ['begun', 'in'],
  ['throttled', 'GraphThrottled'],
] as const) {
  test(`the one that goes first is of another line, and ${report}: whoever waits here is ${outcome}`, async () => {
    const other = createLine({ gate, clock, mostAtOnce: 2, mostWaiting: 3 })
    gate.enter().throttled(1_000)
    const cancelled = new AbortController().signal
    const first = other.enter({ deadline: 10_000, cancelled, isAwaited: true })
    await turn()
    const here = await enterMany(1)
    await advance(1_000)
    const probe = await first
    assert.deepEqual([probe.isProbe, ...outcomes(here)], [true, '-'])
    if (report === 'throttled') probe.throttled(20_000)
    else probe[report]()
    await turn()
    assert.deepEqual(outcomes(here), [outcome])
    assert.equal(other.underWay, report === 'begun' ? 1 : 0)
  })
}

test('one that opens later is not, and those who wait are told at once when it shuts for so long', async () => {
  const all = await enterMany(4)
  all[0]?.pass?.throttled(1_001)
  await turn()
  assert.deepEqual(outcomes(all), ['in', 'in', 'GraphThrottled', 'GraphThrottled'])
  assert.deepEqual(outcomes([await enter()]), ['GraphThrottled'])
  await advance(1)
  assert.deepEqual(outcomes([await enter()]), ['-'])
})

test('those who wait for a place go on waiting when the gate shuts for a second', async () => {
  const all = await enterMany(3)
  all[0]?.pass?.throttled(500)
  await advance(500)
  assert.deepEqual(outcomes(all), ['in', 'in', 'in'])
  assert.equal(all[2]?.pass?.isProbe, true)
})

test('the one that goes first is waited for a second, and then no longer', async () => {
  const [first] = await enterMany(1)
  first?.pass?.throttled(500)
  const all = await enterMany(2)
  await advance(1_499)
  assert.deepEqual(outcomes(all), ['in', '-'])
  await advance(1)
  assert.deepEqual(outcomes(all), ['in', 'GraphThrottled'])
})

test('a probe that fails takes those who wait with it, where the gate shuts for longer', async () => {
  const [first] = await enterMany(1)
  first?.pass?.throttled(undefined)
  const all = await enterMany(3)
  await advance(1_000)
  all[0]?.pass?.failed()
  await turn()
  assert.deepEqual(outcomes(all), ['in', 'GraphThrottled', 'GraphThrottled'])
})

test('a probe that is abandoned leaves its turn to the next', async () => {
  const [first] = await enterMany(1)
  first?.pass?.throttled(300)
  const all = await enterMany(2)
  await advance(300)
  all[0]?.pass?.abandoned()
  await turn()
  assert.deepEqual(outcomes(all), ['in', 'in'])
  assert.equal(all[1]?.pass?.isProbe, true)
})

test('nobody waits for a gate that opens after their deadline', async () => {
  const [first] = await enterMany(1)
  first?.pass?.throttled(800)
  assert.deepEqual(outcomes([await enter({ withinMs: 800 }), await enter({ withinMs: 801 })]), [
    'GraphThrottled',
    '-',
  ])
})

test('nothing is left behind: no timer, no listener', async () => {
  const all = await enterMany(5)
  all[0]?.pass?.throttled(200)
  await advance(200)
  for (const standing of all) await served(standing)
  for (const standing of all) await served(standing)
  assert.deepEqual([line.underWay, line.waiting, clock.pending], [0, 0, 0])
})
