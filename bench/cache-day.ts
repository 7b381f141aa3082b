/**
 * One hour of a busy day on a virtual clock: what the cache asks of Graph, against the least that anybody could ask.
 *
 *     make bench BENCH=cache-day
 *
 * The least is computed apart from the cache, from the same arrivals and the same jittered windows: a trip for the first
 * request of a session, and one for the first request after its answer has ceased to be fresh.
 *
 * @module
 */

import { createCache, createMemoryStore } from '../src/cache/index.ts'
import type { Answer, Windows } from '../src/cache/index.ts'
import type { Clock } from '../src/clock.ts'
import { judge, printMachine } from './report.ts'

const hourMs = 3_600_000
const requestsPerSecond = 2_000
const sessions = 100_000
/** How long Graph takes for an answer. */
const tripMs = 300
const memoryBytes = 128 * 1024 * 1024
const windows: Windows = {
  freshForMs: 30_000,
  staleWhileRevalidateMs: 300_000,
  staleIfErrorMs: 3_600_000,
  maxRetentionMs: 86_400_000,
  notFoundForMs: 5_000,
  jitter: 0.1,
}

/** Marsaglia's xorshift: the same day each time. 0 ≤ n < 1. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** The requests of the hour: Zipf with s = 1 over the sessions, exponential pauses between them. */
function* arrivals(): Generator<{ readonly at: number; readonly session: number }> {
  const random = createRandom(4711)
  const cumulated = new Float64Array(sessions)
  let sum = 0
  for (let rank = 0; rank < sessions; rank += 1) cumulated[rank] = sum += 1 / (rank + 1)
  for (let at = 0; ;) {
    at += (-Math.log(1 - random()) * 1000) / requestsPerSecond
    if (at >= hourMs) return
    yield { at, session: rankOf(random() * sum, cumulated) }
  }
}

/** The first rank whose cumulated weight is above `drawn`. */
function rankOf(drawn: number, cumulated: Float64Array): number {
  let [low, high] = [0, cumulated.length - 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((cumulated[middle] ?? 0) > drawn) high = middle
    else low = middle + 1
  }
  return low
}

/** The jitter of a session's n-th answer: one draw for the cache and for the bound, in whatever order they ask. */
function jitterOf(session: number, answer: number): number {
  const random = createRandom(Math.imul(session + 1, 0x9e3779b1) ^ Math.imul(answer + 1, 0x85ebca6b) || 1)
  random()
  return random()
}

const freshForMs = (session: number, answer: number): number =>
  Math.floor(windows.freshForMs * (1 - windows.jitter * jitterOf(session, answer)))

interface Day {
  requests: number
  calls: number
  /** Requests that waited for Graph, and for how long in all. */
  waited: number
  waitedMs: number
}

const newDay = (): Day => ({ requests: 0, calls: 0, waited: 0, waitedMs: 0 })

/** @param coalesces whether a request that comes while a trip is under way makes none of its own */
function playWithoutCache(coalesces: boolean): Day {
  const day = newDay()
  const freshUntil = new Float64Array(sessions)
  const landsAt = new Float64Array(sessions)
  const answers = new Uint32Array(sessions)
  for (const { at, session } of arrivals()) {
    day.requests += 1
    // What is under way, and only that, may have landed since.
    const landing = landsAt[session] ?? 0
    if (landing > 0 && landing <= at) {
      const answer = answers[session] ?? 0
      freshUntil[session] = Math.floor(landing) + freshForMs(session, answer)
      answers[session] = answer + 1
      landsAt[session] = 0
    }
    if (Math.floor(at) < (freshUntil[session] ?? 0)) continue
    day.waited += 1
    const isUnderWay = (landsAt[session] ?? 0) > 0
    day.waitedMs += isUnderWay && coalesces ? (landsAt[session] ?? 0) - at : tripMs
    if (isUnderWay && coalesces) continue
    day.calls += 1
    // Several under way: the first one to land is what counts from then on.
    if (!isUnderWay) landsAt[session] = at + tripMs
  }
  return day
}

async function playWithCache(changes: Partial<Windows>): Promise<Day> {
  const day = newDay()
  let now = 0
  /** In the order in which they fall due, since every trip takes as long. */
  const landings: { readonly at: number; readonly land: () => void }[] = []
  let nextLanding = 0
  /** Few: the cache's sweep. */
  let timers: { readonly at: number; readonly action: () => void }[] = []
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after(delayMs, action) {
      const timer = { at: now + delayMs, action }
      timers.push(timer)
      return () => {
        timers = timers.filter((other) => other !== timer)
      }
    },
  }
  const answers = new Uint32Array(sessions)
  /** Whose answer lands just now: the cache draws once for each. */
  let landing = 0
  const cache = createCache({
    store: createMemoryStore(memoryBytes),
    windows: { ...windows, ...changes },
    clock,
    timeline: () => now,
    keysOf: (resource) => [resource],
    random() {
      const answer = answers[landing] ?? 0
      answers[landing] = answer + 1
      return jitterOf(landing, answer)
    },
    observer: { refreshed() {}, failedBehind() {} },
  })
  const keys = Array.from(
    { length: sessions },
    (_, n) => `default/00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
  )
  const leaves = new AbortController().signal
  const body = 'x'.repeat(304)

  function runTimers(until: number): void {
    for (;;) {
      const [next] = timers.filter((timer) => timer.at <= until).toSorted((a, b) => a.at - b.at)
      if (next === undefined) return
      timers = timers.filter((other) => other !== next)
      now = next.at
      next.action()
    }
  }

  async function passTo(at: number): Promise<void> {
    for (;;) {
      const next = landings[nextLanding]
      if (next === undefined || next.at > at) break
      nextLanding += 1
      runTimers(next.at)
      now = next.at
      next.land()
      // Stored before anything else happens: promises have run their course once another turn has begun.
      await new Promise(setImmediate)
    }
    if (nextLanding > 100_000) {
      landings.splice(0, nextLanding)
      nextLanding = 0
    }
    runTimers(at)
    now = at
  }

  function fetch(session: number, flight: { departs(): void }): Promise<Answer> {
    day.calls += 1
    flight.departs()
    return new Promise((resolve) => {
      landings.push({
        at: now + tripMs,
        land() {
          landing = session
          resolve({ status: 200, headers: [], body, trip: { clientRequestId: '' } })
        },
      })
    })
  }

  async function ask(at: number, session: number): Promise<void> {
    const key = keys[session] ?? ''
    const { how } = await cache.read({
      key,
      demand: {},
      leaves,
      fetch: (flight) => fetch(session, flight),
    })
    if (how === 'hit' || how === 'stale') return
    day.waited += 1
    day.waitedMs += now - at
  }

  for (const { at, session } of arrivals()) {
    await passTo(at)
    day.requests += 1
    void ask(at, session)
  }
  await passTo(hourMs + tripMs)
  cache.close()
  return day
}

const least = playWithoutCache(true)
const gateway = await playWithCache({})
const days: readonly (readonly [name: string, day: Day])[] = [
  ['session-gateway', gateway],
  ['the same, no stale-while-revalidate', await playWithCache({ staleWhileRevalidateMs: 0 })],
  ['no coalescing, no stale-while-revalidate', playWithoutCache(false)],
  ['the least possible', least],
]

printMachine()
const row = (cells: readonly string[]): string =>
  cells.map((cell, n) => (n === 0 ? cell.padEnd(42) : cell.padStart(14))).join('')
const lines = [
  row(['', 'requests', 'Graph calls', 'waited, %', 'mean wait, ms']),
  ...days.map(([name, { requests, calls, waited, waitedMs }]) =>
    row([
      name,
      String(requests),
      String(calls),
      // A bound on calls says nothing of waiting.
      ...(name === 'the least possible'
        ? ['–', '–']
        : [((100 * waited) / requests).toFixed(2), (waitedMs / requests).toFixed(2)]),
    ]),
  ),
]
process.stdout.write(`${lines.join('\n')}\n`)
process.exitCode = judge([
  {
    what: 'the least possible calls, as a share of those made',
    measured: least.calls / gateway.calls,
    atLeast: 1 / 1.02,
  },
  {
    // Fewer than the least: an answer that was not fresh any more was not asked about.
    what: 'calls made, as a share of the least possible',
    measured: gateway.calls / least.calls,
    atLeast: 1,
  },
  {
    // A little below what this one day gives, which is the same on every machine.
    what: 'requests that did not wait for Graph, as a share of all',
    measured: 1 - gateway.waited / gateway.requests,
    atLeast: 0.95,
  },
])
