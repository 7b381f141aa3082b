import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { cases, type Manifest, render } from './render.ts'

/** Where the types of an API version are; the types know each field there is, and the models what may be in it. */
const packages: Readonly<Record<string, string>> = {
  v1: 'kubernetes-models/v1',
  'apps/v1': 'kubernetes-models/apps/v1',
  'autoscaling/v2': 'kubernetes-models/autoscaling/v2',
  'networking.k8s.io/v1': 'kubernetes-models/networking.k8s.io/v1',
  'policy/v1': 'kubernetes-models/policy/v1',
  'rbac.authorization.k8s.io/v1': 'kubernetes-models/rbac.authorization.k8s.io/v1',
  'cert-manager.io/v1': '@kubernetes-models/cert-manager/cert-manager.io/v1',
  'cilium.io/v2': '@kubernetes-models/cilium/cilium.io/v2',
  'gateway.networking.k8s.io/v1': '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1',
  'monitoring.coreos.com/v1': '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
}

const root = fileURLToPath(new URL('../../', import.meta.url))
const reviewing = { config: { issuers: { cluster: { tokenReview: {} } } } }
const manifests = [
  ...(await Promise.all(cases.map((name) => render({ case: name })))),
  await render({ values: reviewing }),
].flat()

function packageOf({ apiVersion }: Manifest): string {
  const found = packages[apiVersion]
  if (found === undefined) throw new Error(`no types for ${apiVersion}`)
  return found
}

/** What the compiler says against objects that are written out, where every field must be one of the type's. */
async function complaints(about: readonly Manifest[]): Promise<string> {
  const lines = about.map((manifest, index) => {
    const type = `import('${packageOf(manifest)}').I${manifest.kind}`
    return `export const manifest${index}: ${type} = ${JSON.stringify(manifest)}`
  })
  // Below the project, so that its packages are found.
  await using folder = await mkdtempDisposable(join(root, 'node_modules', '.manifests-'))
  await writeFile(join(folder.path, 'manifests.ts'), lines.join('\n'))
  const settings = { strict: true, noEmit: true, skipLibCheck: true, module: 'nodenext', types: [] }
  const tsconfig = { compilerOptions: settings, files: ['manifests.ts'] }
  await writeFile(join(folder.path, 'tsconfig.json'), JSON.stringify(tsconfig))
  const { stdout } = spawnSync('tsc', ['-p', folder.path, '--pretty', 'false'], { encoding: 'utf8' })
  return stdout
}

describe('manifests', () => {
  it('have the fields that Kubernetes and those who extend it know, of the right kinds', async () => {
    assert.equal(await complaints(manifests), '')
  })

  it('would be found out with a field that there is not', async () => {
    const [deployment] = manifests.filter(({ kind }) => kind === 'Deployment')
    assert.ok(deployment)
    const mistaken = { ...deployment, spec: { ...deployment['spec'], replicaz: 3 } }
    assert.match(await complaints([mistaken]), /'"replicaz"' does not exist/)
  })

  it('hold what the models of their kinds allow', async () => {
    const kinds = new Set<string>()
    for (const manifest of manifests) {
      kinds.add(manifest.kind)
      const models = await import(packageOf(manifest))
      new models[manifest.kind](manifest).validate()
    }
    assert.deepEqual([...kinds].toSorted(), [
      'Certificate',
      'CiliumNetworkPolicy',
      'ClusterRole',
      'ClusterRoleBinding',
      'ConfigMap',
      'Deployment',
      'HTTPRoute',
      'HorizontalPodAutoscaler',
      'Ingress',
      'NetworkPolicy',
      'Pod',
      'PodDisruptionBudget',
      'PodMonitor',
      'PrometheusRule',
      'Service',
      'ServiceAccount',
    ])
  })
})
