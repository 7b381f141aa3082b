/**
 * The bill of materials of what ships, as CycloneDX JSON on stdout.
 *
 * `dist/` is a bundle, so what ships is what was bundled: the production dependencies. npm writes the list, from the
 * lock file alone, so that nothing of this machine gets into it. Which are production dependencies is read from the
 * lock file as well: `npm sbom --omit=dev` (11.19) leaves out those that a development dependency uses, too.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { askNpm, projectFolder } from './npm.ts'

interface Component {
  readonly 'bom-ref': string
  readonly name: string
}

interface Bom {
  readonly bomFormat?: string
  readonly metadata: { readonly component: Component }
  readonly components: readonly Component[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}

interface Lock {
  readonly name: string
  readonly packages: Readonly<Record<string, { readonly version: string; readonly dev?: boolean }>>
}

const told = askNpm(['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only'])
const whole = told.json as Bom | undefined
if (whole?.bomFormat === 'CycloneDX') {
  process.stdout.write(`${JSON.stringify(shipped(whole), null, 2)}\n`)
} else {
  process.stderr.write(
    `sbom: this npm cannot write one; it takes npm 10 or newer (npm --version)\n${told.stderr}`,
  )
  process.exitCode = 1
}

function shipped(bom: Bom): Bom {
  const { component } = bom.metadata
  const lock: Lock = JSON.parse(readFileSync(join(projectFolder, 'package-lock.json'), 'utf8'))
  const refs = new Set([component['bom-ref']])
  for (const [path, { version, dev }] of Object.entries(lock.packages)) {
    if (path !== '' && dev !== true)
      refs.add(`${path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`)
  }
  return {
    ...bom,
    // npm takes the folder's name for the project's.
    metadata: { ...bom.metadata, component: { ...component, name: lock.name } },
    components: bom.components.filter((one) => refs.has(one['bom-ref'])),
    dependencies: bom.dependencies
      .filter(({ ref }) => refs.has(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((other) => refs.has(other)) })),
  }
}
