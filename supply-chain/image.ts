/**
 * The container image, with whichever of docker, podman and buildah answers (`BUILDER`: which). Arguments go to its `build`.
 * Prints the image's name and size.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import packageJson from '../package.json' with { type: 'json' }
import { projectFolder } from './npm.ts'

const builders = ['docker', 'podman', 'buildah']
const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy']
const { env } = process

const builder = builders.find((name) => (env['BUILDER'] ?? name) === name && answers(name))
if (builder === undefined) {
  process.stderr.write(
    `image: none of ${builders.join(', ')} answers here; install one, or start its daemon\n`,
  )
  process.exitCode = 1
} else {
  const image = `session-gateway:${packageJson.version}`
  process.exitCode = build(builder, image)
  if (process.exitCode === 0) process.stdout.write(`${image} ${sizeOf(builder, image)}\n`)
}

/** A docker without its daemon is not there. */
function answers(name: string): boolean {
  return spawnSync(name, ['info'], { stdio: 'ignore' }).status === 0
}

function build(name: string, image: string): number {
  const given = {
    VERSION: packageJson.version,
    // What is not committed is in no revision.
    REVISION: git('status', '--porcelain') === '' ? git('rev-parse', 'HEAD') : undefined,
    CREATED: git('log', '-1', '--format=%cI'),
  }
  const args = Object.entries(given).flatMap(([key, value]) => (value ? [`${key}=${value}`] : []))
  // By name alone: its value, which may hold a password, stands in no list of processes.
  for (const proxy of proxies) if (env[proxy] !== undefined) args.push(proxy)
  const flags = [...args.flatMap((arg) => ['--build-arg', arg]), ...process.argv.slice(2), '--tag', image]
  // What is said while it is built goes to stderr: stdout is for the name.
  const { status } = spawnSync(name, ['build', ...flags, '.'], {
    cwd: projectFolder,
    stdio: ['ignore', 2, 2],
  })
  return status ?? 1
}

function sizeOf(name: string, image: string): string {
  return spawnSync(name, ['images', '--format', '{{.Size}}', image], { encoding: 'utf8' }).stdout.trim()
}

/** Undefined where this is no clone. */
function git(...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd: projectFolder, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}
