import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cases, configIn, has, type Manifest, only, render } from './render.ts'

const everything = await render({ case: 'everything' })

function portsOf(rules: readonly Manifest[]): unknown[] {
  return rules.map(({ ports }) => ports.map(({ port }: { port: number }) => port))
}

describe('Services', () => {
  it('let callers reach their port and nothing else', async () => {
    for (const name of cases) {
      const manifests = await render({ case: name })
      const services = manifests.filter(({ kind, spec }) => kind === 'Service' && spec.clusterIP !== 'None')
      assert.equal(services.length, 1)
      const [port, ...more] = services[0]?.['spec'].ports ?? []
      assert.deepEqual(more, [])
      assert.deepEqual([port.name, port.targetPort, port.appProtocol], ['https', 'https', 'https'])
      const { containers } = only(manifests, 'Deployment')['spec'].template.spec
      assert.equal(containers[0].ports[0].name, 'https')
    }
  })

  it('have both families of addresses where the cluster has them, and gateways listen on both', async () => {
    const manifests = await render()
    assert.equal(only(manifests, 'Service', 'gw-session-gateway')['spec'].ipFamilyPolicy, 'PreferDualStack')
    assert.deepEqual(
      [configIn(manifests).server.listen, configIn(manifests).server.management.listen],
      [':8443', ':9090'],
    )
  })

  it('name every pod for purges, ready or not', async () => {
    const { spec } = only(await render(), 'Service', 'gw-session-gateway-peers')
    assert.equal(spec.clusterIP, 'None')
    assert.equal(spec.publishNotReadyAddresses, true)
    assert.deepEqual(spec.ports, [{ name: 'management', port: 9090, targetPort: 'management' }])
  })

  it('and disruption budgets and policies are about the gateway, and not about the pod of helm test', () => {
    const probe = only(everything, 'Pod').metadata.labels
    const selectors = everything.flatMap(({ kind, spec }) =>
      kind === 'Service'
        ? [spec.selector]
        : (spec?.selector?.matchLabels ??
          spec?.podSelector?.matchLabels ??
          spec?.endpointSelector?.matchLabels ??
          []),
    )
    assert.equal(selectors.length, 7)
    const pod = only(everything, 'Deployment')['spec'].template.metadata.labels
    for (const selector of selectors) {
      const fits = (labels: Readonly<Record<string, string>>): boolean =>
        Object.entries(selector).every(([key, value]) => labels[key] === value)
      assert.equal(fits(pod), true)
      assert.equal(fits(probe), false)
    }
  })
})

describe('routes from outside', () => {
  it('lead to the port of callers, which links to next pages begin with', () => {
    const { rules } = only(everything, 'HTTPRoute')['spec']
    // What the API server fills in stands there, or Argo CD would see a difference for ever.
    assert.deepEqual(rules[0].backendRefs, [
      { group: '', kind: 'Service', name: 'sessions', port: 8443, weight: 1 },
    ])
    const { spec } = only(everything, 'Ingress')
    for (const rule of spec.rules) {
      assert.deepEqual(rule.http.paths[0].backend, { service: { name: 'sessions', port: { name: 'https' } } })
    }
    assert.equal(spec.rules.length, 2)
    assert.equal(configIn(everything, 'sessions').server.publicUrl, 'https://sessions.example.com')
  })

  it('are none unless they are asked for', async () => {
    const manifests = await render()
    const optional = ['HTTPRoute', 'Ingress', 'HorizontalPodAutoscaler', 'PodMonitor', 'PrometheusRule']
    for (const kind of [...optional, 'Certificate', 'CiliumNetworkPolicy'])
      assert.equal(has(manifests, kind), false)
    assert.equal('publicUrl' in configIn(manifests).server, false)
  })
})

describe('network policies', () => {
  it('open the port of callers to all or to some, and the management port to pods of the release', async () => {
    const { ingress } = only(await render(), 'NetworkPolicy')['spec']
    assert.deepEqual(portsOf(ingress), [[8443], [9090]])
    assert.equal('from' in ingress[0], false)
    const release = { 'app.kubernetes.io/name': 'session-gateway', 'app.kubernetes.io/instance': 'gw' }
    assert.deepEqual(ingress[1].from, [{ podSelector: { matchLabels: release } }])

    const policy = only(everything, 'NetworkPolicy')['spec']
    const [ofRelease, ...callers] = policy.ingress[0].from
    assert.deepEqual(callers, [{ namespaceSelector: { matchLabels: { sessions: 'true' } } }])
    // `helm test` reads as a caller does, and asks whether each pod is ready.
    assert.deepEqual(policy.ingress[1].from[0], ofRelease)
    assert.deepEqual(Object.keys(ofRelease.podSelector.matchLabels), Object.keys(release))
    assert.equal(policy.ingress[1].from.length, 2)
    assert.deepEqual(policy.policyTypes, ['Ingress'])
  })

  it('let out DNS, https and what the configuration names, and nothing to the metadata service', async () => {
    const minimal = only(await render(), 'NetworkPolicy')['spec']
    assert.deepEqual(minimal.policyTypes, ['Ingress', 'Egress'])
    assert.deepEqual(portsOf(minimal.egress), [[53, 53], [443, 6443], [9090]])

    const { egress } = only(await render({ case: 'shared-cache' }), 'NetworkPolicy')['spec']
    assert.deepEqual(portsOf(egress), [[53, 53], [443, 6443], [9090], [6380]])
    assert.equal(egress[3].to[0].podSelector.matchLabels.app, 'redis')

    const proxied = only(await render({ case: 'certificate' }), 'NetworkPolicy')['spec']
    assert.deepEqual(portsOf(proxied.egress), [[53, 53], [443, 6443], [9090], [3128], [5353, 5353]])
    assert.deepEqual(proxied.egress[3].to, [{ ipBlock: { cidr: '192.0.2.0/28' } }])
  })

  const elsewhere = {
    graph: { endpoint: 'https://graph.example:8444' },
    issuers: {
      other: { type: 'kubernetes', audience: 'other', apiServer: 'https://other.example:16443' },
      partner: { type: 'oidc', issuer: 'https://partner.example:9443/realms/a', audience: 'a' },
      address: { type: 'oidc', issuer: 'https://[2001:db8::1]:9443', audience: 'a' },
    },
  }

  it('let out to the ports that URLs of the configuration have', async () => {
    const policy = only(await render({ values: { config: elsewhere } }), 'NetworkPolicy')['spec']
    assert.deepEqual(portsOf(policy.egress)[1], [443, 6443, 8444, 9443, 16_443])

    const values = { config: elsewhere, networkPolicy: { cilium: { enabled: true } } }
    const { egress } = only(await render({ values }), 'CiliumNetworkPolicy')['spec']
    const rule = egress.find((each: object) => 'toFQDNs' in each)
    assert.deepEqual(
      rule.toFQDNs.map(({ matchName }: { matchName: string }) => matchName),
      ['graph.example', 'login.microsoftonline.com', 'other.example', 'partner.example'],
    )
    assert.deepEqual(
      rule.toPorts[0].ports.map(({ port }: { port: string }) => port),
      ['443', '8444', '9443', '16443'],
    )
  })

  it('without ports for https have no rule for it: one without ports would be for all', async () => {
    for (const httpsPorts of [[], null]) {
      const values = { networkPolicy: { egress: { httpsPorts } } }
      const { egress } = only(await render({ values }), 'NetworkPolicy')['spec']
      assert.deepEqual(portsOf(egress), [[53, 53], [9090]])
    }
  })

  it('let out to the metadata service where a managed identity was said to be meant', async () => {
    const credential = { type: 'managed' }
    const values = { identity: { acceptNodeWideIdentity: true }, config: { identity: { credential } } }
    const { egress } = only(await render({ values }), 'NetworkPolicy')['spec']
    assert.deepEqual(egress.at(-1), {
      ports: [{ port: 80 }],
      to: [{ ipBlock: { cidr: '169.254.169.254/32' } }],
    })
  })

  it('know names with Cilium: those of the configuration', () => {
    const { egress } = only(everything, 'CiliumNetworkPolicy')['spec']
    const names = egress.flatMap(({ toFQDNs = [] }: { toFQDNs?: { matchName: string }[] }) =>
      toFQDNs.map(({ matchName }) => matchName),
    )
    assert.deepEqual(names, [
      'graph.microsoft.com',
      'issuer.example.net',
      'keys.example.net',
      'login.microsoftonline.com',
    ])
    assert.deepEqual(egress.at(-1), { toCIDR: ['192.0.2.0/28'] })
  })

  it('can be left out, each way by itself', async () => {
    const without = async (...ways: string[]): Promise<Manifest[]> =>
      render({ values: { networkPolicy: Object.fromEntries(ways.map((way) => [way, { enabled: false }])) } })
    assert.deepEqual(only(await without('ingress'), 'NetworkPolicy')['spec'].policyTypes, ['Egress'])
    assert.deepEqual(only(await without('egress'), 'NetworkPolicy')['spec'].policyTypes, ['Ingress'])
    assert.equal(has(await without('ingress', 'egress'), 'NetworkPolicy'), false)
  })
})

describe('replicas', () => {
  it('are disrupted one at a time, and with one alone nothing stands against it', async () => {
    const budget = only(await render(), 'PodDisruptionBudget')['spec']
    assert.equal(budget.maxUnavailable, 1)
    assert.equal(budget.unhealthyPodEvictionPolicy, 'AlwaysAllow')
    assert.equal(has(await render({ values: { replicas: 1 } }), 'PodDisruptionBudget'), false)
    const autoscaling = { enabled: true, minReplicas: 1 }
    assert.equal(has(await render({ values: { autoscaling } }), 'PodDisruptionBudget'), false)
  })

  it('are for the autoscaler to say where there is one', async () => {
    const manifests = await render({ case: 'shared-cache' })
    assert.equal('replicas' in only(manifests, 'Deployment')['spec'], false)
    const { minReplicas, maxReplicas, metrics, scaleTargetRef } = only(manifests, 'HorizontalPodAutoscaler')[
      'spec'
    ]
    assert.deepEqual([minReplicas, maxReplicas, metrics.length], [3, 9, 1])
    assert.equal(scaleTargetRef.name, only(manifests, 'Deployment').metadata.name)

    const pods = {
      type: 'Pods',
      pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '1k' } },
    }
    const autoscaling = { enabled: true, targetCPUUtilizationPercentage: null, metrics: [pods] }
    const scaled = only(await render({ values: { autoscaling } }), 'HorizontalPodAutoscaler')
    assert.deepEqual(scaled['spec'].metrics, [pods])
  })
})

describe('certificates', () => {
  it('of cert-manager name both Services, and go where the gateway reads them', async () => {
    const manifests = await render({ case: 'workload-identity' })
    const { secretName, dnsNames } = only(manifests, 'Certificate')['spec']
    const services = ['gw-session-gateway', 'gw-session-gateway-peers']
    assert.deepEqual(dnsNames, [
      ...services.flatMap((name) => [name, `${name}.soc`, `${name}.soc.svc`]),
      'sessions.internal.example.com',
    ])
    const { volumes } = only(manifests, 'Deployment')['spec'].template.spec
    assert.deepEqual(
      volumes.find(({ name }: { name: string }) => name === 'tls'),
      { name: 'tls', secret: { secretName } },
    )
    assert.equal(configIn(manifests).server.tls.certFile, '/etc/session-gateway/tls/tls.crt')
  })
})

describe('extra objects', () => {
  it('are texts or maps, and templates either way', () => {
    assert.equal(only(everything, 'ConfigMap', 'gw-note')['data'].note, 'from a text')
    assert.equal(only(everything, 'ConfigMap', 'gw-second-note')['data'].note, 'from a map')
  })
})

describe('names that YAML takes for numbers', () => {
  it('are texts all the same', async () => {
    const autoscaling = { enabled: true }
    const tls = { secretName: '0123', certManager: { issuerRef: { name: 'a' } } }
    const own = { serviceAccount: { name: '12' }, image: { pullSecrets: ['12'] }, priorityClassName: '1e3' }
    for (const overrides of [{}, { fullnameOverride: '1234', nameOverride: '0x12' }]) {
      const values = { ...overrides, ...own, autoscaling, tls, ingress: { className: 'on' } }
      for (const name of ['minimal', 'everything']) {
        const manifests = await render({ case: name, release: '1e3', namespace: '1234', values })
        for (const { kind, metadata, spec } of manifests) assertNamesAreTexts({ kind, metadata, spec }, kind)
      }
    }
  })
})

function assertNamesAreTexts(node: unknown, path: string): void {
  if (typeof node !== 'object' || node === null) return
  for (const [key, value] of Object.entries(node)) {
    const isName = /^(?:name|namespace|\w+Name|app\.kubernetes\.io\/.*|dnsNames)$/.test(key)
    if (isName && typeof value !== 'object') assert.equal(typeof value, 'string', `${path}.${key}: ${value}`)
    assertNamesAreTexts(value, `${path}.${key}`)
  }
}

describe('values of several teams', () => {
  it('are put together, rule by rule', async () => {
    const callers = [{ issuer: 'cluster', namespace: 'hunting', serviceAccount: 'bot' }]
    const values = { config: { access: { 'hunting-bot': { callers, workspaces: ['lab'] } } } }
    assert.deepEqual(Object.keys(configIn(await render({ values })).access), ['hunting-bot', 'triage'])
  })
})
