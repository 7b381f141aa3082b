import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createFlood, createLog, type Flood } from '../../src/telemetry/index.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { sendRaw } from '../world/raw.ts'
import { type Line, sessionPath, startWorld } from '../world/world.ts'

interface Told {
  readonly flood: Flood
  readonly clock: FakeClock
  readonly lines: readonly Line[]
}

function begin(): Told {
  const clock = createFakeClock()
  const lines: Line[] = []
  const log = createLog('info', { write: (line) => void lines.push(JSON.parse(line)) })
  return { clock, lines, flood: createFlood(log, clock) }
}

/** How many of so many lines are written. */
const written = ({ flood }: Told, count: number, code: string): number =>
  Array.from({ length: count }, () => flood.admits('warn', code)).filter(Boolean).length

test('ten lines a second are written about each code, and one line tells how many were left out', () => {
  const told = begin()
  assert.equal(written(told, 1000, 'unauthenticated'), 10)
  assert.equal(written(told, 1000, 'accessDenied'), 10, 'another code has its own ten')
  told.clock.advance(999)
  assert.deepEqual(told.lines, [])
  assert.equal(written(told, 5, 'unauthenticated'), 0)
  told.clock.advance(1)
  assert.deepEqual(
    told.lines.map(({ level, code, suppressed }) => [level, code, suppressed]),
    [
      ['warn', 'unauthenticated', 995],
      ['warn', 'accessDenied', 990],
    ],
  )
  assert.equal(written(told, 1000, 'unauthenticated'), 10, 'the next second has its own ten')
})

test('lines of one code that are told apart have ten each, as long as there are not too many kinds', () => {
  const { flood } = begin()
  const admitted = (about: string): number =>
    Array.from({ length: 20 }, () => flood.admits('error', 'internalError', about)).filter(Boolean).length
  assert.equal(admitted('TypeError: one'), 10)
  assert.equal(admitted('TypeError: another'), 10)
  for (let kinds = 0; kinds < 98; kinds += 1) flood.admits('error', 'internalError', `of its own ${kinds}`)
  assert.equal(admitted('one kind too many') + admitted('and another'), 10)
})

test('up to ten lines a second are all there is to say', () => {
  const told = begin()
  assert.equal(written(told, 10, 'unauthenticated'), 10)
  told.clock.advance(10_000)
  assert.deepEqual(told.lines, [])
  assert.equal(told.clock.pending, 0)
})

test('a flood of refusals leaves ten lines, one that counts the rest, and a whole audit record', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({ clock })
  await Promise.all(Array.from({ length: 50 }, () => world.ask(sessionPath, { token: null })))
  clock.advance(1_000)
  const about = world.logs.filter(({ code }) => code === 'unauthenticated')
  const [rest] = about.filter(({ suppressed }) => suppressed !== undefined)
  assert.equal(about.length, 11)
  assert.deepEqual([rest?.['suppressed'], rest?.['level']], [40, 'info'])
  while (world.records.length === 0) await turn()
  assert.deepEqual(
    world.records.map(({ count }) => count),
    [50],
  )
})

test('a flood of what cannot be read is bounded, too', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({ clock, config: { server: { tls: 'off' } } })
  await Promise.all(Array.from({ length: 30 }, () => sendRaw('\r\nnonsense\r\n\r\n', { port: world.port })))
  clock.advance(1_000)
  const about = world.logs.filter(({ code }) => code === 'HPE_INVALID_METHOD')
  assert.deepEqual([about.length, about.at(-1)?.['suppressed']], [11, 20])
})
