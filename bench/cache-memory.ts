/**
 * What an entry really takes, against what the cache counts for it: `cache.memory` is a promise about memory.
 *
 *     make bench BENCH=cache-memory
 *
 * @module
 */

import { createMemoryStore } from '../src/cache/memory.ts'
import { fill } from './load/entries.ts'
import { liveBytes } from './load/live-bytes.ts'
import { judge, printTable } from './report.ts'

const memoryBytes = 128 * 1024 * 1024
const offered = 1_000_000

const store = createMemoryStore(memoryBytes)
const before = liveBytes()
fill(store, offered)
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
