/**
 * A gateway whose cache is full from the start, and what its entries take.
 *
 * There is no switch for it: one contestant of bench/growth is the gateway bundled with a store that has so many entries
 * (`BENCH_ENTRIES`) when it is made.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { build, type Plugin } from 'esbuild'
import { createMemoryStore } from '../../src/cache/memory.ts'
import { fill } from '../load/entries.ts'

const isFilled: Plugin = {
  name: 'a store that is filled',
  setup(bundling) {
    bundling.onLoad({ filter: /src\/cache\/memory\.ts$/ }, async ({ path }) => {
      const made = 'export function createMemoryStore('
      const text = await readFile(path, 'utf8')
      if (!text.includes(made)) throw new Error(`${path} makes no store`)
      const entries = fileURLToPath(new URL('../load/entries.ts', import.meta.url))
      const contents = `import { fill } from ${JSON.stringify(entries)}
        ${text.replace(made, 'function createEmptyStore(')}
        export function createMemoryStore(maxBytes) {
          const store = createEmptyStore(maxBytes)
          fill(store, Number(process.env.BENCH_ENTRIES ?? 0))
          return store
        }`
      return { contents, loader: 'ts' }
    })
  },
}

/** @returns the program */
export async function bundleFilled(folder: string): Promise<string> {
  await build({
    entryPoints: [fileURLToPath(new URL('../../src/main.ts', import.meta.url))],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    banner: { js: "import { createRequire as cr } from 'node:module'; const require = cr(import.meta.url);" },
    plugins: [isFilled],
  })
  return `${folder}/main.mjs`
}

/** @returns bytes an entry that are live after a full collection: strings, objects and the map's slots */
function bytesOfEach(count: number): number {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  function live(): number {
    collectGarbage()
    collectGarbage()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const store = createMemoryStore(Number.MAX_SAFE_INTEGER)
  const before = live()
  fill(store, count)
  const bytes = (live() - before) / count
  if (store.entries !== count) throw new Error(`there are ${store.entries} entries, and not ${count}`)
  return bytes
}

if (import.meta.main) process.stdout.write(String(bytesOfEach(Number(process.argv[2]))))
