import assert from 'node:assert/strict'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config/index.ts'
import { cases, type Manifest, podsIn, render } from './render.ts'

/** What the operator is warned of all the same, with these values. */
const warned: Readonly<Record<string, RegExp>> = {
  everything: /every pod of the node can get tokens of this identity/,
}

function configurationIn(manifests: readonly Manifest[]): string {
  const found = manifests.find(({ kind, data }) => kind === 'ConfigMap' && 'gateway.yaml' in data)
  return String(found?.['data']['gateway.yaml'])
}

function keysIn(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return []
  return Object.entries(node).flatMap(([key, value]) => [key, ...keysIn(value)])
}

describe('what stands in manifests', () => {
  for (const name of cases) {
    it(`is no secret, with the values "${name}"`, async () => {
      const manifests = await render({ case: name })
      assert.equal(
        manifests.some(({ kind }) => kind === 'Secret'),
        false,
      )
      const keys = keysIn(parse(configurationIn(manifests)))
      assert.ok(keys.includes('tenantId'))
      // The only keys of the configuration that hold a secret themselves.
      assert.equal(keys.includes('value'), false)

      for (const { containers } of podsIn(manifests)) {
        const [{ args = [], env = [] }] = containers
        for (const arg of args)
          assert.match(arg, /^(?:probe|--[a-z-]+=(?:https?:\/\/[^@]+|\/[\w./-]+|[\w.-]+))$/)
        for (const variable of env) {
          assert.match(
            variable.name,
            /^(?:GATEWAY_(?:CONFIG|LOG_LEVEL)|AZURE_(?:TENANT_ID|CLIENT_ID|AUTHORITY_HOST|FEDERATED_TOKEN_FILE))$/,
          )
        }
      }
    })

    it(`is a configuration that the gateway takes, with the values "${name}"`, async () => {
      const manifests = await render({ case: name })
      const [pod] = podsIn(manifests)
      const environment = Object.fromEntries(
        pod.containers[0].env.map((each: { name: string; value: string }) => [each.name, each.value]),
      )
      await using folder = await mkdtempDisposable(join(tmpdir(), 'session-gateway-chart-'))
      const file = join(folder.path, 'gateway.yaml')
      await writeFile(file, configurationIn(manifests))
      const loaded = await loadConfig({ files: [file], env: environment })
      assert.deepEqual(loaded.ok ? [] : loaded.problems, [])
      const warnings = loaded.ok ? loaded.warnings.map(({ message }) => message) : []
      const unexpected = warnings.filter((message) => warned[name]?.test(message) !== true)
      assert.deepEqual(unexpected, [])
    })
  }
})
