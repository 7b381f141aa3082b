import assert from 'node:assert/strict'
import { cp, mkdtempDisposable, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { stale } from '../../docs/generate.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { parse } from 'yaml'
import { documentedValues } from '../../docs/chart/values.ts'
import { isOfTheChart } from '../../docs/chart/values-schema.ts'
import { helmVersions } from '../world/helm.ts'
import { cases, chart, podsIn, render, run, template } from './render.ts'

describe('the chart and Helm', () => {
  for (const version of helmVersions) {
    for (const name of cases) {
      it(`Helm ${version} finds nothing against it with the values "${name}"`, async () => {
        const values = join(chart, 'ci', `${name}-values.yaml`)
        const linted = await run(version, ['lint', '--strict', chart, '--values', values])
        assert.equal(linted.status, 0, linted.stdout)
        assert.match(linted.stdout, /1 chart\(s\) linted, 0 chart\(s\) failed/)
      })
    }
  }

  it('prints where callers connect, their volume, what Entra is told, and what to look at next', async () => {
    const values = join(chart, 'ci/minimal-values.yaml')
    const args = ['install', 'gw', chart, '--namespace', 'soc', '--values', values, '--dry-run=client']
    // Helm 3 wants to see a cluster for that.
    const { stdout, stderr } = await run('4.1.4', args)
    const notes = stdout.slice(stdout.indexOf('NOTES:'))
    assert.match(notes, /https:\/\/gw-session-gateway\.soc\.svc\n/, stderr)
    assert.match(notes, /serviceAccountToken: \{ path: token, audience: "session-gateway" \}/)
    assert.match(notes, /kubectl exec -n soc deploy\/gw-session-gateway -- node main\.js doctor/)
    assert.match(
      notes,
      /subject +system:serviceaccount:soc:gw-session-gateway\n +audience +api:\/\/AzureADTokenExchange\n/,
    )
    assert.match(notes, /helm test -n soc gw/)
  })

  for (const name of cases) {
    it(`renders the values "${name}" alike each time, and with either Helm`, async () => {
      const rendered = await Promise.all(
        [...helmVersions, ...helmVersions].map((version) => template({ case: name, helm: version })),
      )
      for (const { status, stdout, stderr } of rendered) {
        assert.equal(status, 0, stderr)
        assert.equal(stdout, rendered[0]?.stdout)
      }
    })
  }

  it('goes into a larger chart, which turns it on or off and gives it what is of all', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'session-gateway-chart-'))
    await cp(chart, join(folder.path, 'charts/session-gateway'), { recursive: true })
    const minimal = parse(await readFile(join(chart, 'ci/minimal-values.yaml'), 'utf8'))
    const dependency = {
      name: 'session-gateway',
      version: packageJson.version,
      condition: 'session-gateway.enabled',
    }
    const larger = { apiVersion: 'v2', name: 'larger', version: '1.0.0', dependencies: [dependency] }
    await writeFile(join(folder.path, 'Chart.yaml'), JSON.stringify(larger))
    for (const version of helmVersions) {
      for (const enabled of [true, false]) {
        const podSecurityContext = { runAsUser: null }
        const own = { ...minimal, enabled, podSecurityContext }
        const values = { 'session-gateway': own, global: { imageRegistry: 'mirror.example' } }
        const manifests = await render({ helm: version, chart: folder.path, case: 'none', values })
        const [pod] = podsIn(manifests)
        assert.equal(pod !== undefined, enabled)
        if (!enabled) continue
        assert.match(pod.containers[0].image, /^mirror\.example\//)
        assert.equal('runAsUser' in pod.securityContext, false)
      }
    }
  })

  it('asks nothing of the cluster and of chance while it is rendered', async () => {
    for (const content of await templates()) {
      assert.doesNotMatch(content, /\b(?:lookup|rand[A-Z]\w+|uuidv4|now|genCA|genSignedCert|htpasswd)\b/)
    }
  })

  it('a first deployment takes fifteen lines at the most', async () => {
    const lines = (await readFile(join(chart, 'ci/minimal-values.yaml'), 'utf8')).trimEnd().split('\n')
    assert.ok(lines.length <= 15, `${lines.length} lines`)
  })

  it('is of the version of the program', async () => {
    const { version, appVersion } = parse(await readFile(join(chart, 'Chart.yaml'), 'utf8'))
    assert.deepEqual([version, appVersion], [packageJson.version, packageJson.version])
  })

  it('has a schema and a page that are made from its values', async () => {
    assert.deepEqual(
      (await stale()).filter((path) => path.startsWith('helm/')),
      [],
    )
  })

  it('uses each of its values', async () => {
    const all = (await templates()).join('\n')
    const paths = (await documentedValues()).map(({ path }) => path).filter((path) => isOfTheChart(path))
    assert.ok(paths.length > 80)
    for (const path of paths) {
      const used = ['Values', ...path].slice(-2).join('.')
      assert.ok(all.includes(used), `${path.join('.')} is in no template`)
    }
  })
})

async function templates(): Promise<string[]> {
  const entries = await readdir(join(chart, 'templates'), { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  assert.ok(files.length > 20)
  return Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'utf8')))
}
