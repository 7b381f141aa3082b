/**
 * The gateway with one of its files replaced: for contestants of a kind that there is no switch for.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/**
 * @param folder where it is written to
 * @param path of the file, as in `src/audit/trail.ts`
 * @param replace what it is to be, from what it is
 * @returns the program
 */
export async function bundleVariant(
  folder: string,
  path: string,
  replace: (text: string) => string,
): Promise<string> {
  const replaced = fileURLToPath(new URL(`../../${path}`, import.meta.url))
  const contents = replace(await readFile(replaced, 'utf8'))
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
    plugins: [
      {
        name: 'variant',
        setup(bundling) {
          bundling.onLoad({ filter: /\.ts$/ }, (file) =>
            file.path === replaced ? { contents, loader: 'ts' } : undefined,
          )
        },
      },
    ],
  })
  return `${folder}/main.mjs`
}
