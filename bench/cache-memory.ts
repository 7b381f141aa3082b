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

/** A string of its own, as one read from a socket is. */
function fresh(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

const contentType =
  'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8'
const windows = { freshForMs: 30_000, notFoundForMs: 5_000 }
const store = createMemoryStore(memoryBytes)
const before = liveBytes()
for (let n = 0; n < offered; n += 1) {
  const entry = createEntry(
    {
      status: 200,
      headers: [
        ['content-type', fresh(contentType)],
        ['odata-version', fresh('4.0')],
      ],
      body: fresh('x'.repeat(304)),
      trip: { clientRequestId: randomUUID(), requestId: fresh(randomUUID()) },
    },
    Date.now(),
    windows,
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
  ]),
)
process.exitCode = judge([
  {
    what: 'cache.memory, as a share of what is live with a million entries offered',
    measured: memoryBytes / live,
    atLeast: 1 / 1.3,
  },
])
