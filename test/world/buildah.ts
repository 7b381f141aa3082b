/** What images are built with where no Docker runs. As a program: installs it where it is missing. */

import { spawnSync } from 'node:child_process'

/** Installs it where it is missing; fails loudly where it cannot. */
export function ensureBuildah(): void {
  if (isThere()) return
  const install = 'apt-get update -qq && apt-get install -y -qq --no-install-recommends buildah >&2'
  if (process.getuid?.() === 0) spawnSync('sh', ['-c', install], { stdio: 'inherit' })
  if (!isThere())
    throw new Error('buildah is missing, and could not be installed: it is in Debian 12 and newer')
}

function isThere(): boolean {
  return spawnSync('buildah', ['--version']).status === 0
}

if (import.meta.main) ensureBuildah()
