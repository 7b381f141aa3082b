/**
 * What an entry really takes, against what the cache counts for it: `cache.memory` is a promise about memory.
 *
 *     make bench BENCH=cache-memory
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createEntry } from '../src/cache/entry.ts'
import { createMemoryStore } from '../src/cache/memory.ts'
import { createTimeline } from '../src/cache/timeline.ts'
import { systemClock } from '../src/clock.ts'
import { judge, printTable } from './report.ts'

const memoryBytes = 128 * 1024 * 1024
const offered = 1_000_000

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function liveBytes(): number {
  collectGarbage()
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** A string of its own and in one piece, as one is that was read from a socket or written to one. */
function fresh(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

// Shared, as `graph/response.ts` does it for as long as Graph sends the same ones. Their text is counted for every entry
// nevertheless: where they alternate each entry has its own, and takes a good third more.
const headers = [
  [
    'content-type',
    'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8',
  ],
  ['odata-version', '4.0'],
] as const
const windows = {
  freshForMs: 30_000,
  staleWhileRevalidateMs: 300_000,
  staleIfErrorMs: 3_600_000,
  maxRetentionMs: 86_400_000,
  notFoundForMs: 5_000,
  jitter: 0.1,
}
const timeline = createTimeline(systemClock)
const store = createMemoryStore(memoryBytes)
const before = liveBytes()
for (let n = 0; n < offered; n += 1) {
  const entry = createEntry(
    {
      status: 200,
      headers,
      body: fresh('x'.repeat(304)),
      trip: { clientRequestId: fresh(randomUUID()), requestId: fresh(randomUUID()) },
    },
    { now: timeline(), askedAt: timeline(), generation: 0, windows, random: Math.random },
  )
  store.set(fresh(`default/${randomUUID()}`), entry)
}
const live = liveBytes() - before
printTable(
  'bytes',
  new Map([
    ['an entry of 304 bytes, counted', [store.bytes / store.entries]],
    ['the same, live', [live / store.entries]],
    ['the cache, counted', [store.bytes]],
    ['the cache, live', [live]],
    ['the process while a million are offered, RSS at most', [process.resourceUsage().maxRSS * 1024]],
  ]),
)
process.exitCode = judge([
  {
    what: 'cache.memory, as a share of what is live with a million entries offered',
    measured: memoryBytes / live,
    atLeast: 1 / 1.3,
  },
])
