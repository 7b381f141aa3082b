import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempDisposable, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chart, type Manifest, manifestsIn, render, run } from './render.ts'

/** Packages of released charts, made by `make chart`. */
const released = fileURLToPath(new URL('released', import.meta.url))
const inOrder = (await readdir(released)).toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
const newest = inOrder.at(-1) ?? ''

/** What Kubernetes lets nobody change: an upgrade that tries to fails half-way. */
function fixed({ kind, spec, roleRef }: Manifest): unknown {
  switch (kind) {
    case 'Deployment':
      return spec.selector
    case 'Service':
      return spec.clusterIP ?? 'assigned'
    case 'ClusterRoleBinding':
      return roleRef
    default:
      return undefined
  }
}

function named(manifests: readonly Manifest[]): Map<string, Manifest> {
  return new Map(
    manifests.map((each) => [`${each.kind} ${each.metadata.namespace ?? ''}/${each.metadata.name}`, each]),
  )
}

describe(`an upgrade from ${newest}`, () => {
  it('takes the values of then, and changes nothing that cannot be changed', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'session-gateway-released-'))
    const unpacking = ['-xzf', join(released, newest), '-C', folder.path]
    const unpacked = spawnSync('tar', unpacking, { encoding: 'utf8' })
    assert.equal(unpacked.status, 0, unpacked.stderr)
    const then = join(folder.path, 'session-gateway')
    const files = await readdir(join(then, 'ci'))
    assert.ok(files.length >= 5)
    for (const file of files) {
      const args = ['--namespace', 'soc', '--values', join(then, 'ci', file)]
      const before = await run('4.1.4', ['template', 'gw', then, ...args])
      const after = await run('4.1.4', ['template', 'gw', chart, ...args])
      assert.deepEqual([before.status, after.status], [0, 0], after.stderr)
      const now = named(manifestsIn(after.stdout))
      for (const [name, manifest] of named(manifestsIn(before.stdout))) {
        const kept = fixed(manifest)
        if (kept === undefined) continue
        const next = now.get(name)
        assert.ok(next, `${file}: ${name} is gone`)
        assert.deepEqual(fixed(next), kept, `${file}: ${name}`)
      }
    }
  })
})

describe('two releases', () => {
  const values = { config: { issuers: { cluster: { tokenReview: {} } } } }

  it('of two names in one namespace have nothing in common', async () => {
    const [one, other] = await Promise.all([
      render({ release: 'one', values }),
      render({ release: 'other', values }),
    ])
    const names = named(other)
    for (const name of named(one).keys()) assert.equal(names.has(name), false, name)
    const selectorOf = (manifests: readonly Manifest[]): unknown =>
      manifests.find(({ kind }) => kind === 'Deployment')?.['spec'].selector
    assert.notDeepEqual(selectorOf(one), selectorOf(other))
  })

  it('of one name in two namespaces have nothing in common, not even what belongs to no namespace', async () => {
    const [one, other] = await Promise.all([
      render({ namespace: 'one', values }),
      render({ namespace: 'other', values }),
    ])
    const names = named(other)
    assert.ok([...names.keys()].some((name) => name.startsWith('ClusterRole ')))
    for (const name of named(one).keys()) assert.equal(names.has(name), false, name)
  })

  it('have names that Kubernetes takes, however long theirs is', async () => {
    const manifests = await render({ release: 'a'.repeat(53), values })
    for (const { metadata, kind } of manifests)
      assert.ok(metadata.name.length <= 63, `${kind} ${metadata.name}`)
  })
})
