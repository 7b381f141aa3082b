/** Prometheus' own checker of rules. As a program: brings it where it is missing. */

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const tools = fileURLToPath(new URL('../../.tools/', import.meta.url))

/** Its binary, once it has been brought. */
export const promtool = join(tools, 'promtool')

/** Debian's package of Prometheus is unpacked and not installed: that would start a server. Fails loudly where it cannot. */
export function ensurePromtool(): void {
  if (existsSync(promtool)) return
  mkdirSync(tools, { recursive: true })
  const folder = mkdtempSync(join(tools, 'fetching-'))
  const run = (command: string, ...args: string[]): boolean =>
    spawnSync(command, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
  const download = (): boolean =>
    run('apt-get', '-qq', '-o', 'APT::Sandbox::User=root', 'download', 'prometheus')
  try {
    const isThere = download() || (run('apt-get', '-qq', 'update') && download())
    const archive = readdirSync(folder).find((name) => name.endsWith('.deb'))
    if (!isThere || archive === undefined || !run('dpkg', '-x', archive, 'unpacked')) {
      throw new Error(`promtool could not be had: put one of Prometheus 2.42 or later at ${promtool}`)
    }
    // Moved into its place when it is whole: two may fetch it at a time.
    copyFileSync(join(folder, 'unpacked/usr/bin/promtool'), join(folder, 'promtool'))
    renameSync(join(folder, 'promtool'), promtool)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (import.meta.main) ensurePromtool()
