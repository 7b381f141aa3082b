/** What the doctor examines: a configuration with its files, and the emulated Entra, Graph and issuers that it names. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../../src/clock.ts'
import { examine } from '../../../src/commands/doctor/examination.ts'
import type { Line } from '../../../src/commands/doctor/line.ts'
import { loadConfig } from '../../../src/config/index.ts'
import { type Emulator, type EmulatorOptions, startEmulator } from '../../../src/emulator/index.ts'
import { audience } from '../../world/world.ts'
import { type ServingOptions, writeConfig } from '../serving.ts'

export interface Patient extends AsyncDisposable {
  readonly emulator: Emulator
  readonly inFolder: (name: string) => string
  /** The configuration's file, with such sections in place of the usual ones. */
  configured(changes?: ServingOptions['config']): Promise<string>
  /** Every line of an examination. */
  lines(changes?: ServingOptions['config'], clock?: Clock): Promise<readonly Line[]>
}

export async function startPatient(options: EmulatorOptions = {}): Promise<Patient> {
  await using building = new AsyncDisposableStack()
  const emulator = building.use(await startEmulator(options))
  const folder = await mkdtemp(join(tmpdir(), 'session-gateway-doctor-'))
  building.defer(() => rm(folder, { recursive: true, force: true }))
  const inFolder = (name: string): string => join(folder, name)
  await writeFile(inFolder('pod.token'), emulator.cluster.podToken)

  async function configured(changes: ServingOptions['config'] = {}): Promise<string> {
    const changed = typeof changes === 'function' ? changes(inFolder) : changes
    return writeConfig(folder, emulator, { issuers: issuersOf({ emulator, inFolder }), ...changed })
  }

  const made = building.move()
  return {
    emulator,
    inFolder,
    configured,
    async lines(changes, clock = systemClock) {
      const loaded = await loadConfig({ files: [await configured(changes)], env: {} })
      if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems, null, 2))
      await using examination = examine(loaded.config, { env: {}, clock })
      const lines: Line[] = []
      for await (const line of examination.lines) lines.push(line)
      return lines
    },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  }
}

/** One of each kind. */
export function issuersOf({ emulator, inFolder }: Pick<Patient, 'emulator' | 'inFolder'>): {
  cluster: object
  oidc: object
} {
  return {
    cluster: {
      type: 'kubernetes',
      audience,
      apiServer: emulator.cluster.url,
      tokenFile: inFolder('pod.token'),
      caFile: inFolder('ca.pem'),
    },
    oidc: { type: 'oidc', issuer: emulator.issuer.url, audience },
  }
}

/** `check` of those lines that are not `ok`, each with its verdict. */
export function troubles(lines: readonly Line[]): string[] {
  return lines.filter(({ verdict }) => verdict !== 'ok').map(({ check, verdict }) => `${verdict} ${check}`)
}

/** What one check says, and what to do, as one text. */
export function saidBy(lines: readonly Line[], check: string): string {
  return lines
    .filter((line) => line.check === check)
    .map(({ found, remedy = '' }) => `${found}\n${remedy}`)
    .join('\n')
}
