/**
 * A gateway whose cache is full from the start (`BENCH_ENTRIES`), and, as a program, what that many entries take: bytes each.
 *
 * @module
 */

import { fileURLToPath } from 'node:url'
import { createMemoryStore } from '../../src/cache/memory.ts'
import { fill } from '../load/entries.ts'
import { liveBytes } from '../load/live-bytes.ts'
import { bundleVariant } from './variant.ts'

/** @returns the program */
export function bundleFilled(folder: string): Promise<string> {
  const made = 'export function createMemoryStore('
  const entries = fileURLToPath(new URL('../load/entries.ts', import.meta.url))
  return bundleVariant(folder, 'src/cache/memory.ts', (text) => {
    if (!text.includes(made)) throw new Error('src/cache/memory.ts makes no store')
    return `import { fill } from ${JSON.stringify(entries)}
      ${text.replace(made, 'function createEmptyStore(')}
      export function createMemoryStore(maxBytes) {
        const store = createEmptyStore(maxBytes)
        fill(store, Number(process.env.BENCH_ENTRIES ?? 0))
        return store
      }`
  })
}

function bytesOfEach(count: number): number {
  const store = createMemoryStore(Number.MAX_SAFE_INTEGER)
  const before = liveBytes()
  fill(store, count)
  const bytes = (liveBytes() - before) / count
  if (store.entries !== count) throw new Error(`there are ${store.entries} entries, and not ${count}`)
  return bytes
}

if (import.meta.main) process.stdout.write(String(bytesOfEach(Number(process.argv[2]))))
