import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { parse, stringify } from 'yaml'
import { ensurePromtool, promtool } from '../world/promtool.ts'
import { type AlertCase, alertCases, healthy, type Series } from './alert-cases.ts'
import { chart, only, render } from './render.ts'

ensurePromtool()

interface Alert {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: {
    readonly summary: string
    readonly description: string
    readonly runbook_url: string
  }
}

const file = join(chart, 'alerts.yaml')
const alertsIn = ({ groups }: { groups: { rules: Alert[] }[] }): Alert[] =>
  groups.flatMap(({ rules }) => rules)
const alerts = alertsIn(parse(readFileSync(file, 'utf8')))
const names = alerts.map(({ alert }) => alert)
const folder = await mkdtemp(join(tmpdir(), 'session-gateway-alerts-'))
after(() => rm(folder, { recursive: true }))

async function promtoolSays(command: 'check' | 'test', content: unknown): Promise<string> {
  const input = join(folder, `${command}.yaml`)
  await writeFile(input, stringify(content))
  const { status, stdout, stderr } = spawnSync(promtool, [command, 'rules', input], { encoding: 'utf8' })
  return status === 0 ? '' : stdout + stderr
}

/** `name` or `name{label="value"}`, as Prometheus has it of the replica `a`, unless another one is named. */
function withTarget(series: string, namespace: string, job: string): string {
  const [, name = '', labels = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(series) ?? []
  const target = `namespace="${namespace}",job="${job}"`
  const instance = labels.includes('instance=') ? '' : ',instance="a"'
  return `${name}{${target}${instance}${labels === '' ? '' : `,${labels}`}}`
}

/** `from+step` goes on for as long, by so many minutes at once; what says for how long is as it is. */
function lasting(values: string, minutes: number, step: number): string {
  if (/x\d+$/.test(values)) return values
  return `${values.replace(/\+(\d+)$/, (_, each) => `+${Number(each) * step}`)}x${Math.ceil(minutes / step)}`
}

/** What fires at each of these minutes. */
function scenario(
  seen: Series,
  minutes: number,
  firing: ReadonlyMap<number, readonly string[]>,
  { among = names, namespace = 'session-gateway', job = 'session-gateway', step = 1 } = {},
): object {
  return {
    interval: `${step}m`,
    input_series: Object.entries({ ...healthy, ...seen }).flatMap(([series, values]) =>
      values === undefined
        ? []
        : [{ series: withTarget(series, namespace, job), values: lasting(values, minutes, step) }],
    ),
    promql_expr_test: [...firing].map(([minute, expected]) => ({
      expr: `group by (alertname) (ALERTS{alertstate="firing",alertname=~"${among.join('|')}"})`,
      eval_time: `${minute}m`,
      exp_samples: expected.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 })),
    })),
  }
}

function scenarioOf({ alert, seen, firesAfter, besides = [], lasts = 30, step = 1 }: AlertCase): object {
  const among = names.filter((name) => !besides.includes(name))
  const firing =
    firesAfter === undefined
      ? new Map(Array.from({ length: lasts / step }, (_, at) => [at * step, []]))
      : new Map([
          [firesAfter - step, []],
          [firesAfter, [alert]],
        ])
  return scenario(seen, lasts, firing, { among, step })
}

const testOf = (tests: readonly object[], { rules = file, step = 1 } = {}): object => ({
  rule_files: [rules],
  evaluation_interval: `${step}m`,
  tests,
})

describe('the alerts', () => {
  test('are what Prometheus takes for rules', async () => {
    assert.equal(await promtoolSays('check', parse(readFileSync(file, 'utf8'))), '')
  })

  test('are silent while all is well', async () => {
    const hours = new Map([1, 30, 120, 240].map((minute) => [minute, []]))
    assert.equal(await promtoolSays('test', testOf([scenario({}, 240, hours)])), '')
  })

  for (const each of alertCases) {
    const { alert, what, firesAfter } = each
    const how =
      firesAfter === undefined ? 'does not fire' : `fires after ${firesAfter} minutes, and no other does`
    test(`${alert} ${how}: ${what}`, async () => {
      assert.equal(await promtoolSays('test', testOf([scenarioOf(each)], each)), '')
    })
  }

  test('have each a case that fires and one that does not', () => {
    const alertsWith = (fires: boolean): string[] => [
      ...new Set(
        alertCases.filter(({ firesAfter }) => (firesAfter !== undefined) === fires).map(({ alert }) => alert),
      ),
    ]
    assert.deepEqual(alertsWith(true).toSorted(), names.toSorted())
    assert.deepEqual(alertsWith(false).toSorted(), names.toSorted())
  })

  test('are named once, and have a severity, a sentence, and a page of their own', () => {
    assert.equal(new Set(names).size, names.length)
    for (const { alert, labels, annotations } of alerts) {
      assert.match(alert, /^SessionGateway[A-Z]\w+$/)
      assert.match(labels.severity, /^(critical|warning|info)$/)
      assert.match(annotations.summary, /\S.*\.$/, alert)
      assert.match(annotations.description, /\S.*\.$/, alert)
      assert.equal(annotations.runbook_url, `docs/runbooks/${alert}.md`)
    }
    const pages = globSync('docs/runbooks/*.md').map((page) => basename(page, '.md'))
    assert.deepEqual(pages.filter((page) => page !== 'README').toSorted(), names.toSorted())
  })

  test('read in the index of their pages as they are', () => {
    const index = readFileSync('docs/runbooks/README.md', 'utf8')
    const rows = [...index.matchAll(/^\| \[(\w+)\]\(\1\.md\)\s+\| (\w+)/gm)].map(
      ([, name, severity]) => `${name} ${severity}`,
    )
    assert.deepEqual(
      rows.toSorted(),
      alerts.map(({ alert, labels }) => `${alert} ${labels.severity}`).toSorted(),
    )
  })
})

const runbookUrl = 'https://wiki.example/runbooks/'
const values = { prometheusRule: { runbookUrl } }
const rendered = await render({ release: 'reader', namespace: 'soc', case: 'everything', values })
const { spec } = only(rendered, 'PrometheusRule')

describe('the alerts of a release', () => {
  test('are about its own namespace, and the job that its PodMonitor gives', async () => {
    const { jobLabel, selector } = only(rendered, 'PodMonitor')['spec']
    const pod = only(rendered, 'Deployment')['spec'].template.metadata
    for (const [label, value] of Object.entries(selector.matchLabels)) assert.equal(pod.labels[label], value)
    const job = pod.labels[jobLabel]
    assert.equal(job, 'reader')
    const rules = join(folder, 'rendered.yaml')
    await writeFile(rules, stringify(spec))
    assert.equal(await promtoolSays('check', spec), '')
    const blocked: Series = { session_gateway_audit_blocked: '1+0' }
    const fires = new Map([[5, ['SessionGatewayAuditBlocked']]])
    const own = scenario(blocked, 10, fires, { namespace: 'soc', job })
    assert.equal(await promtoolSays('test', testOf([own], { rules })), '')
    const another = scenario(blocked, 10, new Map([[9, ['SessionGatewayDown']]]), { namespace: 'other', job })
    assert.equal(
      await promtoolSays('test', testOf([another], { rules })),
      '',
      'as of its own there is nothing',
    )
  })

  test('lead to the pages where its people read them', () => {
    const found = alertsIn(spec)
    assert.deepEqual(
      found.map(({ annotations }) => annotations.runbook_url),
      names.map((name) => `https://wiki.example/runbooks/${name}.md`),
    )
    assert.doesNotMatch(JSON.stringify(found), /"session-gateway/)
  })
})
