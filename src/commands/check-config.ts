import { loadConfig } from '../config/index.ts'
import { complain, describeFinding, say } from './terminal.ts'

/** Says everything that is wrong with the configuration, and returns the exit code. */
export async function checkConfig(files: readonly string[]): Promise<number> {
  const loaded = await loadConfig({ files, env: process.env })
  for (const warning of loaded.warnings) complain(`warning  ${describeFinding(warning)}`)
  if (loaded.ok) {
    say('The configuration is valid. The files that it names were not looked at.')
    return 0
  }
  for (const problem of loaded.problems) complain(`problem  ${describeFinding(problem)}`)
  return 1
}
