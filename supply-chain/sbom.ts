/**
 * The bill of materials of what ships, as CycloneDX JSON on stdout.
 *
 * What ships is what was bundled: the production dependencies without what nothing of ours loads. npm writes the list,
 * from the lock file alone, so that nothing of this machine gets into it; the bundler says which of it are in the bundle.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundledPackages } from './bundle.ts'
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
  readonly packages: Readonly<Record<string, { readonly version: string }>>
}

const told = askNpm(['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only'])
const whole = told.json as Bom | undefined
if (whole?.bomFormat === 'CycloneDX') {
  process.stdout.write(`${JSON.stringify(shipped(whole, await bundledPackages()), null, 2)}\n`)
} else {
  process.stderr.write(
    `sbom: this npm cannot write one; it takes npm 10 or newer (npm --version)\n${told.stderr}`,
  )
  process.exitCode = 1
}

function shipped(bom: Bom, paths: readonly string[]): Bom {
  const { component } = bom.metadata
  const lock: Lock = JSON.parse(readFileSync(join(projectFolder, 'package-lock.json'), 'utf8'))
  const refs = new Set([component['bom-ref']])
  for (const path of paths) {
    const name = path.slice(path.lastIndexOf('node_modules/') + 13)
    refs.add(`${name}@${lock.packages[path]?.version}`)
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
