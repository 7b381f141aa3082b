/**
 * The program as it ships, in `dist/`: `main.js`, which opens `program.cjs`; the Redis client, which that one loads when it
 * is asked to share; and `program.cache`, what V8 has compiled of the program.
 *
 * The demo and the emulator are not in it, for what is deployed has no use for a second Entra.
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { build, type BuildOptions, type Plugin } from 'esbuild'
import { builtins, deferred, withoutNeedless } from './lean.ts'
import { projectFolder } from './npm.ts'

/** @param to a file in `supply-chain/`, or, from `./`, one that is beside the bundle when it runs */
function instead(of: RegExp, to: string): Plugin {
  return {
    name: `instead-of-${of.source}`,
    setup(bundler) {
      bundler.onResolve({ filter: of }, ({ kind }) => {
        if (kind === 'entry-point') return undefined
        return to.startsWith('./') ? { path: to, external: true } : { path: `${projectFolder}${to}` }
      })
    },
  }
}

const common = {
  absWorkingDir: projectFolder,
  bundle: true,
  platform: 'node',
  target: 'node24',
  // Names stay as they are, and lines end: people read the stacks of faults.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 120,
  // `licences.ts` gathers them whole.
  legalComments: 'none',
  logLevel: 'warning',
  tsconfigRaw: {},
} as const satisfies BuildOptions

const lean = [withoutNeedless, builtins, deferred]

const bundles: readonly BuildOptions[] = [
  {
    ...common,
    entryPoints: ['src/main.ts'],
    outfile: 'dist/main.js',
    format: 'esm',
    plugins: [instead(/^\.\/program\.ts$/, 'supply-chain/compiled.ts'), ...lean],
  },
  {
    ...common,
    entryPoints: ['src/program.ts'],
    outfile: 'dist/program.cjs',
    format: 'cjs',
    external: ['./commands/demo/index.ts', './commands/emulate.ts'],
    plugins: [instead(/^@redis\/client$/, './redis.cjs'), ...lean],
    define: {
      // As Node's own undici is built: without a second parser, which is an experiment.
      esbuildDetection: 'true',
      // Only the demo asks where it is.
      'import.meta.url': '__filename',
    },
    // Strict, as modules are; not by tsconfig.json, which the image is built without.
    banner: { js: '(function (exports, require, module, __filename) { "use strict";' },
    footer: { js: '})' },
  },
  {
    ...common,
    entryPoints: ['@redis/client'],
    outfile: 'dist/redis.cjs',
    format: 'cjs',
    banner: { js: '"use strict";' },
    plugins: lean,
  },
]

/** What is in it: files of `src/` and of packages, by their paths in this project. */
export async function bundledFiles(): Promise<string[]> {
  const built = await Promise.all(
    bundles.map((options) => build({ ...options, write: false, metafile: true })),
  )
  return built.flatMap(({ metafile }) => Object.keys(metafile.inputs))
}

/** The packages that are in it, as the lock file names them: `node_modules/zod`. */
export async function bundledPackages(): Promise<string[]> {
  const files = await bundledFiles()
  const folders = files.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [])
  return [...new Set(folders)].toSorted()
}

if (import.meta.main) {
  await Promise.all(bundles.map((options) => build(options)))
  // Without the options of this process: with some, V8 would take nothing from the cache.
  const stdio = ['ignore', 'ignore', 'inherit'] as const
  execFileSync(process.execPath, [`${projectFolder}supply-chain/compile.ts`], { env: {}, stdio: [...stdio] })
}
