/** Programs from Debian's packages. As a program: installs those that tests of the guides run, where they are missing. */

import { spawnSync } from 'node:child_process'

/** Which have the names of their packages. */
const programs = ['curl', 'jq', 'openssl', 'python3']

/** @returns whether it can be started */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version']).error === undefined
}

/** Fails loudly where it cannot. */
export function ensure(
  program: string,
  isThere = (): boolean => isInstalled(program),
  debianPackage = program,
): void {
  if (isThere()) return
  const install = `apt-get update -qq && apt-get install -y -qq --no-install-recommends ${debianPackage} >&2`
  if (process.getuid?.() === 0) spawnSync('sh', ['-c', install], { stdio: 'inherit' })
  if (!isThere())
    throw new Error(`${program} is missing, and could not be installed: it is in ${debianPackage} (Debian)`)
}

if (import.meta.main) for (const program of programs) ensure(program)
