/**
 * Writes what is generated from the code. `--check` writes nothing and names what is stale.
 *
 * @module
 */

import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import packageJson from '../package.json' with { type: 'json' }
import { loadConfig } from '../src/config/index.ts'
import { jsonSchema } from '../src/config/json-schema.ts'
import { configurationReference } from '../src/config/reference.ts'
import { openApiDocument } from '../src/http/openapi/index.ts'
import { chartReadme } from './chart/readme.ts'
import { valuesSchema } from './chart/values-schema.ts'
import { failureModes } from './failure-modes.ts'

export interface Generated {
  /** Relative to the root of the repository. */
  path: string
  content: () => Promise<string>
}

export const generated: readonly Generated[] = [
  written('config/gateway.schema.json', () => JSON.stringify(jsonSchema())),
  written('docs/reference/configuration.md', configurationReference),
  written('docs/reference/failure-modes.md', failureModes),
  written('docs/reference/openapi.json', openApi),
  written('helm/README.md', chartReadme),
  written('helm/values.schema.json', async () => JSON.stringify(await valuesSchema())),
]

/** @returns the paths whose files are not what the code says now */
export async function stale(): Promise<string[]> {
  const checked = await Promise.all(
    generated.map(async ({ path, content }) => ({ path, isStale: (await read(path)) !== (await content()) })),
  )
  return checked.filter(({ isStale }) => isStale).map(({ path }) => path)
}

/** As prettier would leave it. */
function written(path: string, content: () => string | Promise<string>): Generated {
  const filepath = fileURLToPath(at(path))
  return {
    path,
    content: async () => format(await content(), { ...(await resolveConfig(filepath)), filepath }),
  }
}

/** As a gateway with the example's configuration serves it. */
async function openApi(): Promise<string> {
  const loaded = await loadConfig({ files: [fileURLToPath(at('config/gateway.yaml'))], env: {} })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const { server, graph } = loaded.config
  const { version } = packageJson
  const { publicUrl } = server
  const { selectable } = graph
  return JSON.stringify(openApiDocument({ version, publicUrl, isSecure: server.tls !== 'off', selectable }))
}

function read(path: string): Promise<string | undefined> {
  return readFile(at(path), 'utf8').catch(() => undefined)
}

function at(path: string): URL {
  return new URL(`../${path}`, import.meta.url)
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const paths = await stale()
    for (const path of paths) process.stderr.write(`stale: ${path}: run node docs/generate.ts\n`)
    process.exitCode = paths.length > 0 ? 1 : 0
  } else {
    await Promise.all(generated.map(async ({ path, content }) => writeFile(at(path), await content())))
  }
}
