import { loadConfig, printConfig } from '../config/index.ts'
import { complain, describeFinding } from './terminal.ts'

/** Prints the configuration in effect, and returns the exit code. */
export async function printEffectiveConfig(files: readonly string[]): Promise<number> {
  const loaded = await loadConfig({ files, env: process.env })
  if (!loaded.ok) {
    for (const problem of loaded.problems) complain(`problem  ${describeFinding(problem)}`)
    return 1
  }
  process.stdout.write(printConfig(loaded.settings))
  return 0
}
