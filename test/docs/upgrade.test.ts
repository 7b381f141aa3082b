/** What docs/guides/upgrade.md says a change of a value does to the pods, held against what it does. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { type Manifest, merged, only, render } from '../chart/render.ts'
import { columnsOf } from './pages.ts'

/** One change of each value; where two are given, the first one only makes the second possible. */
const changes: Record<string, readonly [object, object?]> = {
  config: [{ config: { log: { level: 'debug' } } }],
  files: [{ files: { other: { secret: { secretName: 'other' } } } }],
  'tls.secretName': [{ tls: { secretName: 'another' } }],
  'tls.certManager.dnsNames': [
    { tls: { certManager: { issuerRef: { name: 'internal' } } } },
    { tls: { certManager: { dnsNames: ['sessions.example.com'] } } },
  ],
  'tls.certManager.issuerRef': [{ tls: { certManager: { issuerRef: { name: 'internal' } } } }],
  'identity.acceptNodeWideIdentity': [{ identity: { acceptNodeWideIdentity: true } }],
  'serviceAccount.create': [{ serviceAccount: { create: false } }],
  'identity.webhook': [{ identity: { webhook: true } }],
  'identity.tokenAudience': [{ identity: { tokenAudience: 'api://AzureADTokenExchangeUSGov' } }],
  'identity.tokenExpirationSeconds': [{ identity: { tokenExpirationSeconds: 7200 } }],
  replicas: [{ replicas: 5 }],
  image: [{ image: { tag: '9.9.9' } }],
  global: [{ global: { imageRegistry: 'mirror.example.com' } }],
  'serviceAccount.name': [{ serviceAccount: { name: 'another' } }],
  'serviceAccount.annotations': [{ serviceAccount: { annotations: { team: 'soc' } } }],
  service: [{ service: { type: 'LoadBalancer', port: 8443 } }],
  httpRoute: [
    { config: { server: { publicUrl: 'https://a.example', trustedProxies: [] } } },
    { httpRoute: { enabled: true, parentRefs: [{ name: 'internal' }], hostnames: ['b.example'] } },
  ],
  ingress: [
    { config: { server: { publicUrl: 'https://a.example', trustedProxies: [] } } },
    { ingress: { enabled: true, hosts: ['b.example'] } },
  ],
  podDisruptionBudget: [{ podDisruptionBudget: { enabled: false } }],
  autoscaling: [{ autoscaling: { enabled: true } }],
  networkPolicy: [{ networkPolicy: { egress: { enabled: false } } }],
  podMonitor: [
    { networkPolicy: { ingress: { managementFrom: [{ podSelector: {} }] } } },
    { podMonitor: { enabled: true } },
  ],
  prometheusRule: [{ prometheusRule: { enabled: true, runbookUrl: 'https://runbooks.example.com' } }],
  dashboard: [{ dashboard: { enabled: true } }],
  resources: [{ resources: { limits: { memory: '2Gi' } } }],
  podSecurityContext: [{ podSecurityContext: { runAsUser: 1000 } }],
  securityContext: [{ securityContext: { runAsGroup: 1000 } }],
  podLabels: [{ podLabels: { team: 'soc' } }],
  podAnnotations: [{ podAnnotations: { team: 'soc' } }],
  nodeSelector: [{ nodeSelector: { 'kubernetes.io/os': 'linux' } }],
  tolerations: [{ tolerations: [{ key: 'dedicated', operator: 'Exists' }] }],
  affinity: [{ affinity: { podAntiAffinity: {} } }],
  topologySpreadConstraints: [
    { topologySpreadConstraints: [{ topologyKey: 'zone', maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway' }] },
  ],
  priorityClassName: [{ priorityClassName: 'high' }],
  env: [{ env: [{ name: 'GATEWAY_LOG_LEVEL', value: 'debug' }] }],
  volumes: [{ volumes: [{ name: 'records', emptyDir: {} }] }],
  volumeMounts: [
    { volumes: [{ name: 'records', emptyDir: {} }] },
    { volumeMounts: [{ name: 'records', mountPath: '/var/lib/session-gateway' }] },
  ],
  tests: [{ tests: { serverName: 'sessions.example.com' } }],
  extraObjects: [{ extraObjects: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'note' } }] }],
  nameOverride: [{ nameOverride: 'another' }],
  fullnameOverride: [{ fullnameOverride: 'another' }],
}

const unchanged = deploymentOf({})

async function deploymentOf(values: object): Promise<Manifest> {
  return only(await render({ release: 'session-gateway', values }), 'Deployment')
}

describe('the table of what a change of a value does', () => {
  const page = readFileSync('docs/guides/upgrade.md', 'utf8')
  const rows = columnsOf(page.slice(page.indexOf('## What a change of a value does'))).flatMap(
    ([value = '', pods = '']) => {
      const [, path] = /^`([\w.]+)`$/.exec(value) ?? []
      return path === undefined ? [] : [[path, pods] as const]
    },
  )

  test('has a row for every value of the chart', () => {
    const named = new Set(rows.map(([path]) => path.split('.')[0]))
    assert.deepEqual(named, new Set(Object.keys(parse(readFileSync('helm/values.yaml', 'utf8')))))
    assert.deepEqual(rows.map(([path]) => path).toSorted(), Object.keys(changes).toSorted())
  })

  for (const [path, pods] of rows) {
    test(`is right about ${path}`, async () => {
      const [first = {}, second] = changes[path] ?? []
      const [old, changed] = await Promise.all(
        second === undefined
          ? [unchanged, deploymentOf(first)]
          : [first, merged(first, second)].map(deploymentOf),
      )
      assert.ok(old !== undefined && changed !== undefined)
      const isSamePods = JSON.stringify(old['spec'].template) === JSON.stringify(changed['spec'].template)
      if (pods.startsWith('another')) assert.notEqual(changed.metadata.name, old.metadata.name)
      else assert.equal(changed.metadata.name, old.metadata.name)
      assert.equal(isSamePods, pods.startsWith('stay') || pods.endsWith(' else stay'))
    })
  }

  for (const edge of ['httpRoute', 'ingress']) {
    test(`is right about another first host in ${edge}`, async () => {
      const enabled = {
        httpRoute: { parentRefs: [{ name: 'internal' }], hostnames: ['b.example'] },
        ingress: { hosts: ['b.example'] },
      }
      const config = { server: { trustedProxies: [] } }
      const values = { config, [edge]: { enabled: true, ...enabled[edge as 'ingress'] } }
      const [without, withIt] = await Promise.all([{ config }, values].map(deploymentOf))
      assert.notDeepEqual(withIt?.['spec'].template, without?.['spec'].template)
    })
  }
})
