/** What the guides tell somebody to type, held against the chart, the program and the records. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { globSync, mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config/index.ts'
import { chart, manifestsIn, merged, only, podsIn, render, run as runHelm } from '../chart/render.ts'
import { projectFolder, run } from '../commands/program.ts'
import { ensure } from '../world/debian.ts'
import { columnsOf, fencedIn, indentedIn } from './pages.ts'

const read = (path: string): string => readFileSync(path, 'utf8')
const guides = globSync('docs/guides/*.md').toSorted()
assert.ok(guides.length > 9)

describe('values in a guide', () => {
  const blocks = [...guides, 'docs/reference/audit.md'].flatMap((page) => {
    const texts = fencedIn(read(page), 'yaml').filter((text) => text.startsWith('# values.yaml'))
    const whole = texts.find((text) => !text.startsWith('# values.yaml, in '))
    return texts.map((text, index) => ({ page, text, whole, name: `${page}, block ${index + 1}` }))
  })
  const parsed = (text: string) => parse(text.replaceAll(/<[\w-]+>/g, 'placeholder'), { version: '1.1' })

  for (const { text, whole, name } of blocks) {
    test(`render, and make a configuration that the gateway takes: ${name}`, async () => {
      const [, how] = /^# values\.yaml, in (addition|place)\b/.exec(text) ?? []
      const under = how === undefined ? {} : parsed(whole ?? read('helm/ci/minimal-values.yaml'))
      const over = parsed(text)
      const manifests = await render({
        release: 'session-gateway',
        case: 'none',
        values: how === 'place' ? { ...under, ...over } : merged(under, over),
      })
      const [pod] = podsIn(manifests)
      const env = Object.fromEntries(
        pod.containers[0].env.map((each: { name: string; value: string }) => [each.name, each.value]),
      )
      using folder = mkdtempDisposableSync(join(tmpdir(), 'session-gateway-guide-'))
      const file = join(folder.path, 'gateway.yaml')
      writeFileSync(file, only(manifests, 'ConfigMap', 'session-gateway')['data']['gateway.yaml'])
      const loaded = await loadConfig({ files: [file], env })
      assert.deepEqual(loaded.ok ? [] : loaded.problems, [])
    })
  }

  test('are there for each way to deploy, and the first one has fifteen lines at the most', () => {
    const pages = new Set(blocks.map(({ page }) => page.replace('docs/guides/', '')))
    for (const page of ['aks-workload-identity.md', 'any-cluster-certificate.md', 'call-it.md']) {
      assert.ok(pages.has(page), page)
    }
    const [first] = blocks.filter(({ page }) => page.endsWith('aks-workload-identity.md'))
    assert.ok((first?.text.trimEnd().split('\n').length ?? 99) <= 15)
  })

  test('give the gateway the names that its commands use', async () => {
    const manifests = await render({ release: 'session-gateway' })
    const deployment = only(manifests, 'Deployment', 'session-gateway')
    const { labels } = deployment['spec'].template.metadata
    const named = guides.flatMap((page) => [
      ...read(page).matchAll(/app\.kubernetes\.io\/(instance|component)=([\w-]+)/g),
    ])
    assert.ok(named.length > 1)
    const components = new Set(
      manifests.map(({ metadata }) => metadata.labels['app.kubernetes.io/component']),
    )
    for (const [, label, value] of named) {
      if (label === 'component') assert.ok(components.has(String(value)), `no component ${value}`)
      else assert.equal(labels[`app.kubernetes.io/${label}`], value)
    }
    assert.equal(deployment['spec'].template.spec.containers[0].name, 'gateway')
    assert.equal(deployment['spec'].template.spec.serviceAccountName, 'session-gateway')
    only(manifests, 'Service', 'session-gateway')
    only(manifests, 'Pod', 'session-gateway-probe')
  })
})

test('the guide to removal names what belongs to no namespace as the chart does', async () => {
  const values = join(chart, 'ci/minimal-values.yaml')
  const reviewing = ['--set-json', 'config.issuers.cluster.tokenReview={}', '--skip-schema-validation']
  const args = ['template', 'session-gateway', chart, '--namespace', 'soc', '--values', values, ...reviewing]
  const manifests = manifestsIn((await runHelm('4.1.4', args)).stdout)
  const clusterwide = manifests.filter(({ metadata }) => metadata.namespace === undefined)
  assert.ok(clusterwide.length > 0)
  for (const { kind, metadata } of clusterwide) {
    assert.match(
      read('docs/guides/remove.md').replaceAll(/\s+/g, ' '),
      new RegExp(`${kind}\\b[^.]*\`${metadata.name}\``),
    )
  }
})

test('each command of the program in a guide is one, with options that it has', async () => {
  const typed = guides.flatMap((page) => {
    const text = read(page).replaceAll(/\\\n\s*/g, '')
    const lines = text.matchAll(
      /(?:^ {4,}|`)(?:kubectl exec [^\n`]*? )?(?:session-gateway|node (?:dist\/)?main\.js) ([^`|\n]+)/gm,
    )
    return [...lines].map(([, line = '']) => ({ page, line }))
  })
  const commands = ['serve', 'check-config', 'doctor', 'explain', 'probe', 'purge', 'audit verify']
  const helps = new Map(
    await Promise.all(
      commands.map(async (name) => [name, (await run([...name.split(' '), '--help'])).stdout] as const),
    ),
  )
  const used = new Set<string>()
  for (const { page, line } of typed) {
    const name = commands.find((each) => line.startsWith(each))
    assert.ok(name !== undefined, `${page}: ${line}`)
    used.add(name)
    for (const [option] of line.matchAll(/(?<=\s)--?[a-z][\w-]*/g)) {
      assert.match(
        helps.get(name) ?? '',
        new RegExp(`(?:^|[ ,])${option}(?![\\w-])`, 'm'),
        `${page}: ${line}`,
      )
    }
  }
  for (const name of ['doctor', 'explain', 'audit verify']) assert.ok(used.has(name), name)
})

test('what openssl is told to make works: a key that belongs to its certificate, of the kind that Entra takes', () => {
  ensure('openssl')
  using folder = mkdtempDisposableSync(join(tmpdir(), 'session-gateway-openssl-'))
  let made = 0
  for (const page of guides) {
    for (const [, line = ''] of read(page).matchAll(/(?:^ {4}|`)(openssl (?:req|genpkey|pkey) [^`\n]*)/gm)) {
      const done = spawnSync('sh', ['-c', line], { cwd: folder.path, encoding: 'utf8' })
      assert.equal(done.status, 0, `${page}: ${line}\n${done.stderr}`)
      made += 1
    }
  }
  assert.ok(made >= 4)
  const pair = (name: string) => [`${name}.crt`, `${name}.key`].map((file) => read(join(folder.path, file)))
  for (const name of ['identity', 'tls']) {
    const [certificate = '', key = ''] = pair(name)
    const { publicKey, subjectAltName } = new X509Certificate(certificate)
    assert.ok(new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)))
    if (name === 'identity') assert.equal(publicKey.asymmetricKeyType, 'rsa')
    else assert.equal(subjectAltName, 'DNS:session-gateway.soc.svc')
  }
})

test('each place in a page that a guide leads to is there', () => {
  const pages = [...guides, ...globSync('docs/{reference,explanation}/*.md')]
  let led = 0
  for (const page of pages) {
    for (const [, link = '', anchor = ''] of read(page).matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)) {
      const target = link === '' ? page : join(dirname(page), link)
      const anchors = [...read(target).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
          .replaceAll(' ', '-'),
      )
      assert.ok(anchors.includes(anchor), `${page} leads to ${link}#${anchor}`)
      led += 1
    }
  }
  assert.ok(led > 20)
})

describe('the guide to Sentinel', () => {
  const page = read('docs/guides/sentinel.md')
  const [rule = ''] = fencedIn(page, 'json')
  const queries = fencedIn(page, 'kusto')
  const fields = columnsOf(read('docs/reference/audit.md')).flatMap(([first = '']) =>
    [...first.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  )
  const isField = (path: string): boolean =>
    fields.some((field) => field === path || field.startsWith(`${path}.`))

  test('has a data collection rule that takes out of the logs exactly what it puts into the table', () => {
    const { properties } = JSON.parse(rule)
    const [own, others] = properties.dataFlows.slice(1)
    assert.deepEqual(own.streams, others.streams)
    const [, condition = ''] = /where (.*?) \|/.exec(own.transformKql) ?? []
    assert.equal(others.transformKql, `source | where not(${condition})`)
    assert.equal(own.outputStream, 'Custom-SessionGatewayAudit_CL')
    const [, columns = ''] = /--columns (.*?) \\/.exec(page) ?? []
    const [, projected = ''] = /project (.*)$/.exec(own.transformKql) ?? []
    assert.deepEqual(
      columns.split(' ').map((column) => column.split('=')[0]),
      projected.split(', '),
    )
    const collected = properties.dataSources.extensions[0].streams
    const flowing = properties.dataFlows.flatMap(({ streams }: { streams: string[] }) => streams)
    assert.deepEqual(new Set(flowing), new Set(collected))
  })

  test('keeps the line as text, which can be verified, and parses it when it is read', () => {
    assert.match(page, /--columns [^\n]*\bRecord=string\b/)
    const [, own] = JSON.parse(rule).properties.dataFlows
    assert.match(own.transformKql, /\bRecord = tostring\(LogMessage\) \|/)
    assert.match(queries[0] ?? '', /^SessionGatewayAudit_CL\n\| extend r = parse_json\(Record\)$/m)
  })

  test('reads fields that records have', () => {
    const paths = [...queries, ...indentedIn(read('docs/reference/audit.md')).split('\n\n')].flatMap(
      (query) =>
        [...query.matchAll(/\br((?:\.\w+|\.?\['\w+'\]|\.?\["\w+"\]|\[0\])+)/g)].map(([, path = '']) =>
          path
            .replaceAll('[0]', '')
            .replaceAll(/\.?\[['"](\w+)['"]\]/g, '.$1')
            .replace(/^\./, ''),
        ),
    )
    assert.ok(paths.length > 25, `${paths.length} fields`)
    assert.deepEqual(
      paths.filter((path) => !isField(path)),
      [],
    )
  })

  test('reads columns that its function makes', () => {
    const [parser = '', ...others] = queries
    const made = [...parser.matchAll(/^ {4}(\w+)(?: =|,)/gm)].map(([, name = '']) => name)
    const named = others.filter((query) => query.includes('SessionGatewayAudit'))
    assert.equal(named.length, 5)
    const words = new Set(named.flatMap((query) => query.match(/\b[A-Z]\w+/g) ?? []))
    for (const needed of [
      'Sequence',
      'ChainUid',
      'Status',
      'Caller',
      'Peer',
      'GraphClientRequestId',
      'Requests',
      'Session',
    ]) {
      assert.ok(words.has(needed) && made.includes(needed), needed)
    }
  })
})

test('the guide to rotations names log lines, metrics and tests that are there', () => {
  const rows = columnsOf(read('docs/guides/rotate.md'))
  assert.ok(rows.length > 8)
  const source = globSync('src/**/*.ts').map(read).join('\n')
  const operations = columnsOf(read('docs/reference/operations.md'))
    .map(([first = '']) => first)
    .join(' ')
  const quoted = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text)
  for (const [, , said, metric, tests] of rows) {
    for (const line of quoted(said).filter((each) => each !== 'key_uid')) {
      const text = line.replace(/^server\.tls/, '${key}')
      assert.ok(source.includes(text), line)
    }
    for (const name of quoted(metric)) assert.ok(operations.includes(`\`${name}\``), name)
    for (const path of quoted(tests)) assert.ok(globSync(path, { cwd: projectFolder }).length === 1, path)
    assert.ok(quoted(tests).length > 0)
  }
})

test('a first read of the guide is one that the values beside it permit', () => {
  const page = read('docs/guides/aks-workload-identity.md')
  const [values = ''] = fencedIn(page, 'yaml')
  const { config } = parse(values)
  const [{ namespace, serviceAccount }] = config.access.triage.callers
  assert.match(
    page,
    new RegExp(
      `kubectl create token ${serviceAccount} --namespace ${namespace} --audience ${config.issuers.cluster.audience} `,
    ),
  )
})
