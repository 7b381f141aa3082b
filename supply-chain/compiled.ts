/**
 * In `dist/`, what `main.ts` finds for `./program.ts`: the same program, with what a run of it has had V8 compile.
 *
 * Node's own compile cache keeps what is compiled before anything runs, which is a small part; the rest would be compiled
 * anew by each start. A cache that is missing, cannot be read, has been altered, or is of another V8 costs time, and nothing
 * else.
 *
 * @module
 */

import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { constants, Script } from 'node:vm'
import type * as Program from '../src/program.ts'

/** Of SHA-256. */
const digestBytes = 32

export function openProgram(folder: URL): { readonly script: Script; readonly program: typeof Program } {
  const filename = fileURLToPath(new URL('program.cjs', folder))
  const bytes = readFileSync(filename)
  // The bundler writes nothing but ASCII, and as that it takes half the memory.
  const script = new Script(bytes.toString('latin1'), {
    filename,
    cachedData: intact(new URL('program.cache', folder), bytes),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  const module = { exports: {} }
  const evaluate = script.runInThisContext() as (...given: unknown[]) => void
  evaluate(module.exports, createRequire(filename), module, filename)
  return { script, program: module.exports as typeof Program }
}

/** What the cache file has for this source. V8 looks at its first bytes alone, and ends the process where the others are wrong. */
function intact(file: URL, source: Buffer): Buffer | undefined {
  try {
    const bytes = readFileSync(file)
    const compiled = bytes.subarray(0, -digestBytes)
    return digestOf(compiled, source).equals(bytes.subarray(-digestBytes)) ? compiled : undefined
  } catch {
    return undefined
  }
}

/** @returns the cache file of this source */
export function sealed(compiled: Buffer, source: Buffer): Buffer {
  return Buffer.concat([compiled, digestOf(compiled, source)])
}

function digestOf(compiled: Buffer, source: Buffer): Buffer {
  const inner = hash('sha256', compiled, 'hex') + hash('sha256', source, 'hex')
  return Buffer.from(hash('sha256', inner, 'hex'), 'hex')
}

export async function run(argv: readonly string[]): Promise<void> {
  await openProgram(new URL('.', import.meta.url)).program.run(argv)
}
