/**
 * The image, built from the Dockerfile as it stands on bases that are made here: Node as tests run on it, with its libraries
 * and nothing else, and for the build npm and a shell besides. As a program: builds it where it is not up to date.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  globSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { projectFolder } from '../commands/program.ts'
import { ensure } from '../world/debian.ts'

/** https://github.com/opencontainers/image-spec/blob/main/config.md */
export interface ImageConfig {
  readonly User: string
  readonly ExposedPorts: Readonly<Record<string, object>>
  readonly Env: readonly string[]
  readonly Entrypoint: readonly string[]
  readonly Cmd: readonly string[]
  readonly WorkingDir: string
  readonly Labels: Readonly<Record<string, string>>
  readonly StopSignal: string
}

export interface Image {
  /** Where its root is, as a folder. */
  readonly root: string
  readonly config: ImageConfig
  /** What was done for each layer. */
  readonly history: readonly { readonly created_by?: string }[]
}

export const folder = join(projectFolder, 'dist/image')
const built = join(folder, 'built.json')
const inputs = [
  'Dockerfile',
  '.dockerignore',
  'LICENSE',
  'package.json',
  'package-lock.json',
  'src/**/*.ts',
  'supply-chain/*',
]

/** Of the registry of nobody: what the build is trusted with, and must not keep. */
export const secret = '7c1a54ee-9d0f-4f0e-8a40-0f0a8c1b7f7e'

/** What is given as a build argument. */
export const revision = '0123456789abcdef0123456789abcdef01234567'

export function ensureImage(): Image {
  if (!isUpToDate()) build()
  return JSON.parse(readFileSync(built, 'utf8')) as Image
}

function isUpToDate(): boolean {
  const madeAt = statSync(built, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return globSync(inputs, { cwd: projectFolder }).every(
    (path) => statSync(join(projectFolder, path)).mtimeMs < madeAt,
  )
}

/** What of npm's settings leads to the registry, in one file: the build sees no other of this machine. */
function npmSettings(): string {
  const text = execFileSync('npm', ['config', 'list', '--json'], { encoding: 'utf8' })
  const all = JSON.parse(text) as Record<string, string | boolean | null>
  const lines = [`//registry.invalid/:_authToken=${secret}`]
  const known = ['registry', 'proxy', 'https-proxy', 'noproxy', 'strict-ssl']
    .filter((name) => (all[name] ?? '') !== '')
    .map((name) => `${name}=${String(all[name])}`)
  const authorities = process.env['NODE_EXTRA_CA_CERTS'] ?? all['cafile']
  if (typeof authorities === 'string') {
    const certificates =
      readFileSync(authorities, 'utf8').match(/-----BEGIN [^]*?-----END CERTIFICATE-----/g) ?? []
    lines.push(...certificates.map((pem) => `ca[]=${JSON.stringify(pem)}`))
  }
  lines.push(...known)
  return lines.map((line) => `${line}\n`).join('')
}

function build(): void {
  ensure('buildah')
  rmSync(folder, { recursive: true, force: true })
  makeBases()
  const npmrc = join(folder, 'npmrc')
  writeFileSync(npmrc, npmSettings(), { mode: 0o600 })
  bud('session-gateway', [
    '--secret',
    `id=npmrc,src=${npmrc}`,
    '--build-arg',
    'NODE_IMAGE=localhost/base',
    '--build-arg',
    'BUILD_IMAGE=localhost/build-base',
    '--build-arg',
    `REVISION=${revision}`,
    sources(),
  ])
  const container = buildah('from', 'localhost/session-gateway')
  const { OCIv1 } = JSON.parse(buildah('inspect', container))
  const image: Image = { root: buildah('mount', container), config: OCIv1.config, history: OCIv1.history }
  writeFileSync(built, JSON.stringify(image, null, 2))
}

/** What the build is given, as in a clone made with the umask 077. */
function sources(): string {
  const clone = join(folder, 'clone')
  for (const path of [...globSync(inputs, { cwd: projectFolder }), 'LICENSE']) {
    cpSync(join(projectFolder, path), join(clone, path))
    chmodSync(join(clone, path), 0o600)
  }
  return clone
}

function makeBases(): void {
  const base = join(folder, 'base')
  addProgram(base, process.execPath, '/usr/local/bin/node')
  writeFileSync(join(base, 'Dockerfile'), 'FROM scratch\nCOPY . /\nENV PATH=/usr/local/bin:/usr/bin:/bin\n')
  writeFileSync(join(base, '.dockerignore'), 'Dockerfile\n.dockerignore\n')
  bud('base', [base])

  const more = join(folder, 'build-base')
  for (const program of ['/bin/sh', '/usr/bin/env']) addProgram(more, program, program)
  // npm is what `npm` on the PATH leads to: …/npm/bin/npm-cli.js.
  const npm = realpathSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim())
  cpSync(join(npm, '../..'), join(more, 'usr/local/lib/node_modules/npm'), { recursive: true })
  mkdirSync(join(more, 'usr/local/bin'), { recursive: true })
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(more, 'usr/local/bin/npm'))
  writeFileSync(join(more, 'Dockerfile'), 'FROM localhost/base\nCOPY . /\n')
  writeFileSync(join(more, '.dockerignore'), 'Dockerfile\n.dockerignore\n')
  bud('build-base', [more])
}

/** With the libraries it is linked with. */
function addProgram(root: string, program: string, as: string): void {
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' })
  const libraries = [...stdout.matchAll(/(?<path>\/\S+) \(0x/g)].map(({ groups }) => groups?.['path'] ?? '')
  for (const [from, to] of [[program, as], ...libraries.map((path) => [path, path])] as [string, string][]) {
    mkdirSync(dirname(join(root, to)), { recursive: true })
    copyFileSync(from, join(root, to))
  }
}

/** Kept apart from whatever this machine has of its own images. */
function buildah(...args: readonly string[]): string {
  const apart = [
    '--storage-driver',
    'vfs',
    '--root',
    join(folder, 'storage'),
    '--runroot',
    join(folder, 'run'),
  ]
  const { status, stdout, stderr } = spawnSync('buildah', [...apart, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`buildah ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout.trim()
}

function bud(tag: string, args: readonly string[]): void {
  buildah('bud', '--isolation', 'chroot', '--tag', `localhost/${tag}`, ...args)
}

if (import.meta.main) ensureImage()
