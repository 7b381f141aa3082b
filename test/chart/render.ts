/** The chart, rendered by a real Helm, and what comes of it as objects. */

import { spawn } from 'node:child_process'
import { mkdtempDisposable, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { parse, parseAllDocuments } from 'yaml'
import { ensureHelm, helm, type HelmVersion, helmVersions } from '../world/helm.ts'

helmVersions.forEach(ensureHelm)

export const chart = fileURLToPath(new URL('../../helm', import.meta.url))
const ci = join(chart, 'ci')
/** `minimal`, `certificate` and so on. */
export const cases = (await readdir(ci)).map((name) => name.replace('-values.yaml', ''))

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  // Each kind has its own form, which the tests are about.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly [key: string]: any
}

export interface Rendering {
  readonly release?: string
  readonly namespace?: string
  readonly helm?: HelmVersion
  readonly chart?: string
  /** One of `cases`, under `values`; `none` of them. */
  readonly case?: string
  /** Over it. */
  readonly values?: object
}

export interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** @throws with what Helm said against it */
export async function render(rendering: Rendering = {}): Promise<Manifest[]> {
  const { status, stdout, stderr } = await template(rendering)
  if (status !== 0) throw new Error(stderr)
  return manifestsIn(stdout)
}

export function manifestsIn(rendered: string): Manifest[] {
  return parseAllDocuments(rendered, { version: '1.1' })
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null)
}

export async function template({
  release = 'gw',
  namespace = 'soc',
  helm: version = '4.1.4',
  chart: rendered = chart,
  case: name = 'minimal',
  values = {},
}: Rendering): Promise<Outcome> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'session-gateway-chart-'))
  const over = join(folder.path, 'values.json')
  await writeFile(over, JSON.stringify(values))
  const under = name === 'none' ? [] : ['--values', join(ci, `${name}-values.yaml`)]
  const files = [...under, '--values', over]
  return await run(version, ['template', release, rendered, '--namespace', namespace, ...files])
}

export async function run(version: HelmVersion, args: readonly string[]): Promise<Outcome> {
  const child = spawn(helm(version), args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve) => void child.once('exit', resolve))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { status: await ended, stdout, stderr }
}

export function only(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter(
    (each) => each.kind === kind && (name ?? each.metadata.name) === each.metadata.name,
  )
  const [first] = found
  if (first === undefined || found.length > 1) throw new Error(`${found.length} of kind ${kind}`)
  return first
}

export function has(manifests: readonly Manifest[], kind: string): boolean {
  return manifests.some((each) => each.kind === kind)
}

/** The gateway's pod, and that of `helm test`. */
export function podsIn(manifests: readonly Manifest[]): Manifest['spec'][] {
  return manifests.flatMap(({ kind, spec }) =>
    kind === 'Deployment' ? [spec.template.spec] : kind === 'Pod' ? [spec] : [],
  )
}

/** The gateway's configuration, as its pod reads it. */
export function configIn(manifests: readonly Manifest[], name = 'gw-session-gateway'): Manifest['data'] {
  return parse(only(manifests, 'ConfigMap', name)['data']['gateway.yaml'])
}

/** Maps below maps, as Helm does it with two files of values. */
export function merged(under: object, over: object): object {
  const both = { ...under } as Record<string, unknown>
  for (const [key, value] of Object.entries(over)) {
    const below = both[key]
    both[key] = isMap(below) && isMap(value) ? merged(below, value) : value
  }
  return both
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
