/**
 * The program as a bundle in `dist/`: `main.js`, and a file for each command that it loads when it is asked for.
 *
 * The demo and the emulator are not in it, for what is deployed has no use for a second Entra.
 *
 * @module
 */

import { build, type BuildOptions } from 'esbuild'
import { projectFolder } from './npm.ts'

export const bundle = {
  absWorkingDir: projectFolder,
  entryPoints: ['src/main.ts'],
  external: ['./commands/demo/index.ts', './commands/emulate.ts'],
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  splitting: true,
  outdir: 'dist',
  // `licences.ts` gathers them whole.
  legalComments: 'none',
  logLevel: 'warning',
  // For libraries that are CommonJS.
  banner: { js: "import { createRequire as cr } from 'node:module'; const require = cr(import.meta.url);" },
} as const satisfies BuildOptions

/** The packages that are in it, as the lock file names them: `node_modules/zod`. */
export async function bundledPackages(): Promise<string[]> {
  const { metafile } = await build({ ...bundle, write: false, metafile: true })
  const folders = Object.keys(metafile.inputs).flatMap(
    (path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
  )
  return [...new Set(folders)].toSorted()
}

if (import.meta.main) await build(bundle)
