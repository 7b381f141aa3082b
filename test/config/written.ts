/** Loads configuration from text, as if it had been written to files. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/index.ts'
import type { Config, Finding, Loaded } from '../../src/config/index.ts'

export const tenant = '11111111-1111-1111-1111-111111111111'

/** A whole configuration without a problem or a warning; tests change what they are about. */
export const valid = `
server: { tls: { certFile: /tls.crt, keyFile: /tls.key } }
identity:
  tenantId: ${tenant}
  clientId: 22222222-2222-2222-2222-222222222222
  credential: { type: federated, tokenFile: /token }
issuers:
  cluster: { type: kubernetes, audience: session-gateway }
access:
  triage:
    callers: [{ issuer: cluster, namespace: soc, serviceAccount: triage }]
    workspaces: [default]
`

/** @param layers the texts of 1.yaml, 2.yaml, …; places in findings carry these names only */
export async function load(
  layers: readonly (string | Uint8Array)[],
  env: Record<string, string> = {},
): Promise<Loaded> {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-config-'))
  try {
    const files = layers.map((_, index) => join(folder, `${index + 1}.yaml`))
    await Promise.all(files.map((file, index) => writeFile(file, layers[index] ?? '')))
    const loaded = await loadConfig({ files, env })
    const short = (findings: readonly Finding[]) =>
      findings.map(({ path, message, where }) => ({
        path,
        message: message.replaceAll(`${folder}/`, ''),
        ...(where !== undefined && { where: where.replace(`${folder}/`, '') }),
      }))
    const warned = { ...loaded, warnings: short(loaded.warnings) }
    return warned.ok ? warned : { ...warned, problems: short(warned.problems) }
  } finally {
    await rm(folder, { recursive: true })
  }
}

export async function config(layers: readonly string[], env: Record<string, string> = {}): Promise<Config> {
  const loaded = await load(layers, env)
  if (!loaded.ok) throw new Error(lines(loaded.problems).join('\n'))
  return loaded.config
}

/** `path: message` of each problem. */
export async function problems(layers: readonly (string | Uint8Array)[], env: Record<string, string> = {}) {
  const loaded = await load(layers, env)
  return loaded.ok ? [] : lines(loaded.problems)
}

export async function warnings(layers: readonly string[], env: Record<string, string> = {}) {
  return lines((await load(layers, env)).warnings)
}

function lines(findings: readonly Finding[]): string[] {
  return findings.map(({ path, message }) => `${path}: ${message}`)
}
