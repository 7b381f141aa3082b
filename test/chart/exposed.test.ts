/** What alerts, their pages and the dashboard ask Prometheus for, beside what a gateway really exposes. */

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { startEmulator } from '../../src/emulator/index.ts'
import { until, untilClosed, untilQuiet } from '../security/wire.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { sessionPath, startWorld } from '../world/world.ts'
import { chart, only, render } from './render.ts'

interface Asked {
  readonly where: string
  readonly expr: string
  readonly legend?: string
}

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

const dashboardFile = join(chart, 'dashboard.json')
const dashboard: {
  readonly panels: readonly Panel[]
  readonly annotations: { readonly list: readonly { readonly expr: string }[] }
  readonly templating: { readonly list: readonly { readonly name: string }[] }
} = JSON.parse(readFileSync(dashboardFile, 'utf8'))
const rules: { alert: string; expr: string }[] = parse(readFileSync(join(chart, 'alerts.yaml'), 'utf8'))
  .groups[0].rules
const pages = globSync('docs/runbooks/SessionGateway*.md').map((file) => ({
  file,
  text: readFileSync(file, 'utf8'),
}))

const asked: readonly Asked[] = [
  ...rules.map(({ alert, expr }) => ({ where: alert, expr })),
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({ where: title, expr, legend: legendFormat })),
  ),
  ...dashboard.annotations.list.map(({ expr }) => ({ where: 'annotation', expr })),
]

type Labels = Readonly<Record<string, string>>

/** By the target, and not by the gateway. */
const ofTarget = ['namespace', 'job', 'instance']
/** `class` is made by an expression of the dashboard. */
const ofExpressions = [...ofTarget, 'class']

const labelsIn = (text: string): Labels =>
  Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]))

function selectorsIn(
  expr: string,
): { name: string; matchers: { label: string; isEqual: boolean; value: RegExp }[] }[] {
  return [...expr.matchAll(/(\w+)\{([^}]*)\}/g)].map(([, name = '', inside = '']) => ({
    name,
    matchers: [...inside.matchAll(/(\w+)(=~|!=|=)"([^"]*)"/g)]
      .filter(([, label = '']) => !ofTarget.includes(label))
      .map(([, label = '', operator, value = '']) => ({
        label,
        isEqual: operator !== '!=',
        value: new RegExp(`^(?:${value})$`),
      })),
  }))
}

/** One gateway to which everything has happened that the expressions tell apart. */
async function exposition(): Promise<string> {
  const clock = createFakeClock()
  await using emulator = await startEmulator({ now: clock.now })
  const identity = await emulator.certificateFor(['gateway'], 'rsa')
  emulator.entra.trustCertificate(identity.certPem)
  await using world = await startWorld({
    clock,
    emulator,
    files: { 'identity.pem': `${identity.certPem}\n${identity.keyPem}` },
    config: (inFolder: (name: string) => string) => ({
      identity: { credential: { type: 'certificate', file: inFolder('identity.pem') } },
      issuers: { cluster: { tokenReview: {} } },
    }),
  })
  const statuses = [await world.ask(), await world.ask()]
  statuses.push(await world.ask(sessionPath, { token: null }))
  statuses.push(await world.ask(sessionPath, { token: await world.workloadToken('stranger') }))
  const other = `${sessionPath}?$select=id`
  statuses.push(await world.ask(other, { headers: { 'cache-control': 'only-if-cached' } }))
  emulator.fail('graph', { kind: 'reset' }, 2)
  statuses.push(await world.ask(other))
  clock.advance(31_000)
  statuses.push(await world.ask())
  await untilQuiet(world)
  const ops = await world.workloadToken('ops')
  statuses.push(await world.manage('/cache', { method: 'DELETE', token: ops }))
  await untilClosed(world, 'garbage\r\n\r\n')
  assert.deepEqual(
    statuses.map(({ status }) => status),
    [200, 200, 401, 403, 504, 502, 200, 200],
  )

  const isExposed = (what: string): Promise<void> =>
    until(what, async () => (await world.manage('/metrics')).body.includes(`session_gateway_${what}`))
  await writeFile(join(world.folder, 'tls.key'), 'no key')
  clock.advance(10_000)
  await isExposed('reload_failing{setting="server.tls"} 1')
  for (const part of ['issuer', 'cluster', 'token'] as const)
    emulator.fail(part, { kind: 'status', status: 500 }, 9)
  statuses.push(await world.ask(sessionPath, { token: await world.workloadToken('wallboard') }))
  assert.equal(statuses.at(-1)?.status, 503)
  clock.advance(51 * 60_000)
  await isExposed('token_exchanges_total{result="failure"}')
  await isExposed('issuer_key_fetches_total{issuer="cluster",result="failure"}')
  return (await world.manage('/metrics')).body
}

/** name → the labels of each series; without any where there is only its `# TYPE` */
function seriesIn(text: string): Map<string, Labels[]> {
  const found = new Map<string, Labels[]>()
  for (const [, name = '', type] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
    for (const each of type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name])
      found.set(each, [])
  }
  for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    found.get(name)?.push(labelsIn(labels))
  }
  return found
}

const exposed = seriesIn(await exposition())
// A world without Redis; what its outcomes are, is for test/shared to know.
exposed.get('session_gateway_shared_asked_total')?.push({ operation: 'read', outcome: 'answered' })
exposed.get('session_gateway_shared_trips_total')?.push({ how: 'alone' })
const all = (name: string): readonly Labels[] => (name === 'up' ? [{}] : (exposed.get(name) ?? []))

test('every expression of alerts and dashboard finds what it asks for', () => {
  for (const { where, expr } of asked) {
    const selectors = selectorsIn(expr)
    assert.ok(selectors.length > 0, where)
    for (const { name, matchers } of selectors) {
      const found = all(name).filter((labels) =>
        matchers.every(
          ({ label, isEqual, value }) => label in labels && value.test(labels[label] ?? '') === isEqual,
        ),
      )
      assert.notDeepEqual(
        found,
        [],
        `${where}: ${name} ${JSON.stringify(matchers.map(({ label }) => label))}`,
      )
    }
    const bare = expr.replaceAll(/\w+\{[^}]*\}|"[^"]*"/g, '')
    assert.doesNotMatch(
      bare,
      /session_gateway_|process_|nodejs_/,
      `${where} asks for the metrics of everybody`,
    )
  }
})

test('every expression is about one release', () => {
  for (const { where, expr } of asked) {
    const isOfDashboard = expr.includes('$namespace')
    const target = isOfDashboard
      ? 'namespace="$namespace",job="$job"'
      : 'namespace="session-gateway",job="session-gateway"'
    for (const [selector] of expr.matchAll(/\w+\{[^}]*\}/g))
      assert.ok(selector.includes(`{${target}`), `${where}: ${selector}`)
  }
})

test('every label that is grouped by, or shown, is one of what is asked for', () => {
  for (const { where, expr, legend = '' } of asked) {
    const has = new Set([
      ...ofExpressions,
      ...selectorsIn(expr).flatMap(({ name }) => all(name).flatMap((labels) => Object.keys(labels))),
    ])
    const used = [
      ...[...expr.matchAll(/\b(?:by|on|without|ignoring) \(([^)]*)\)/g)].flatMap(([, names = '']) =>
        names.split(/, */),
      ),
      ...[...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, name = '']) => name),
    ]
    for (const label of used) assert.ok(has.has(label), `${where}: ${label}`)
  }
})

test('quantiles are of histograms, by their buckets', () => {
  const quantiles = asked.filter(({ expr }) => expr.includes('histogram_quantile'))
  assert.ok(quantiles.length > 0)
  for (const { where, expr } of quantiles) {
    assert.match(expr, /by \(le\b/, where)
    for (const { name } of selectorsIn(expr))
      assert.ok(
        all(name).some(({ le }) => le === '+Inf'),
        `${where}: ${name}`,
      )
  }
})

test('the pages of alerts name metrics and log lines that are there', () => {
  const source = globSync('src/**/*.ts')
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n')
  let quoted = 0
  for (const { file, text } of pages) {
    for (const [name] of text.matchAll(/\bsession_gateway_\w+/g))
      assert.ok(exposed.has(name), `${file}: ${name}`)
    for (const [, line = ''] of text.matchAll(/grep -F '(.*)'$/gm)) {
      assert.ok(source.includes(line), `${file}: ${line}`)
      quoted += 1
    }
  }
  assert.ok(quoted > 0)
})

describe('the dashboard', () => {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row')

  test('says of each panel what it shows, and in which unit', () => {
    for (const { title, description = '', fieldConfig, targets = [] } of panels) {
      assert.match(description, /\.$/, title)
      assert.ok(fieldConfig?.defaults.unit, title)
      assert.ok(targets.length > 0, title)
    }
  })

  test('has each panel once, in a place of its own', () => {
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
    const taken = new Set<string>()
    for (const { title, gridPos } of dashboard.panels) {
      const { x, y, w, h } = gridPos
      assert.ok(x + w <= 24, title)
      for (let at = 0; at < w * h; at += 1) {
        const cell = `${x + (at % w)} ${y + Math.floor(at / w)}`
        assert.ok(!taken.has(cell), `${title} lies on another`)
        taken.add(cell)
      }
    }
  })

  test('comes into its ConfigMap as it is, and asks whoever opens it for the data source', async () => {
    const { data } = only(await render({ case: 'everything' }), 'ConfigMap', 'sessions-dashboard')
    assert.deepEqual(JSON.parse(data['sessions.json']), dashboard)
    assert.deepEqual(
      dashboard.templating.list.map(({ name }) => name),
      ['datasource', 'namespace', 'job'],
    )
    assert.ok(!('__inputs' in dashboard))
    for (const [, uid] of JSON.stringify(dashboard).matchAll(/"uid":"([^"]*)"/g))
      assert.match(uid ?? '', /^(\$\{datasource\}|session-gateway)$/)
  })
})
