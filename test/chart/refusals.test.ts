import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { helmVersions } from '../world/helm.ts'
import { template } from './render.ts'

interface Mistake {
  readonly what: string
  readonly values: object
  readonly sentence: RegExp
  readonly case?: string
}

const edge = {
  httpRoute: { enabled: true, parentRefs: [{ name: 'internal' }], hostnames: ['a.example.com'] },
}

const mistakes: readonly Mistake[] = [
  {
    what: 'no configuration at all',
    case: 'none',
    values: {},
    sentence: /config\.identity\.tenantId is missing: the tenant whose sessions are read/,
  },
  {
    what: 'a configuration that was emptied',
    values: { config: null },
    sentence: /config\.identity\.tenantId is missing/,
  },
  {
    what: 'no client ID',
    case: 'none',
    values: { config: { identity: { tenantId: 'example.com' } } },
    sentence: /config\.identity\.clientId is missing: the application/,
  },
  {
    what: 'no issuer',
    case: 'none',
    values: {
      config: {
        identity: { tenantId: 'example.com', clientId: '22222222-2222-2222-2222-222222222222' },
      },
    },
    sentence: /config\.issuers is missing: whose tokens are believed\?/,
  },
  {
    what: 'callers without a token',
    values: { config: { issuers: { everyone: { type: 'anonymous' } } } },
    sentence: /config\.issuers\.everyone is anonymous: whoever reaches the Service could read sessions/,
  },
  {
    what: 'a managed identity that nobody said was meant',
    values: { config: { identity: { credential: { type: 'managed' } } } },
    sentence:
      /every pod that reaches the metadata service gets that identity's tokens.*identity\.acceptNodeWideIdentity: true/,
  },
  {
    what: 'the webhook for a certificate',
    case: 'certificate',
    values: { identity: { webhook: true } },
    sentence:
      /identity\.webhook is for a federated credential, and config\.identity\.credential\.type is certificate/,
  },
  {
    what: 'a client secret in the configuration',
    values: { config: { identity: { credential: { type: 'secret', value: 'hunter2' } } } },
    sentence: /config\.identity\.credential\.value would stand in a ConfigMap: put the secret into a Secret/,
  },
  {
    what: "a proxy's password in the configuration",
    values: { config: { outbound: { proxy: 'http://proxy:3128', proxyAuth: { value: 'a:b' } } } },
    sentence: /config\.outbound\.proxyAuth\.value would stand in a ConfigMap/,
  },
  {
    what: 'a client secret in a variable',
    values: { env: [{ name: 'AZURE_CLIENT_SECRET', value: 'hunter2' }] },
    sentence: /env has AZURE_CLIENT_SECRET, and in it a secret/,
  },
  {
    what: 'a password in the URL of a variable',
    values: { env: [{ name: 'HTTPS_PROXY', value: 'http://user:hunter2@proxy:3128' }] },
    sentence: /env has HTTPS_PROXY, and in it a secret/,
  },
  {
    what: 'a client secret in a variable in lower case',
    values: { env: [{ name: 'azure_client_secret', value: 'hunter2' }] },
    sentence: /env has azure_client_secret, and in it a secret/,
  },
  ...[
    { outbound: { proxy: 'http://user:hunter2@proxy:3128' } },
    { issuers: { partner: { type: 'oidc', issuer: 'https://user:hunter2@a.example', audience: 'a' } } },
    { cache: { shared: { url: 'rediss://user:hunter2@redis', keysFile: '/run/keys' } } },
    { cache: { shared: { cluster: ['rediss://:hun/ter2@redis'], keysFile: '/run/keys' } } },
  ].map((config) => ({
    what: `credentials in a URL of ${Object.keys(config).join()}`,
    values: { config },
    sentence: /config has a URL with credentials, which would stand in a ConfigMap/,
  })),
  ...[
    ['HTTPS_PROXY', 'outbound\\.proxy'],
    ['https_proxy', 'outbound\\.proxy'],
    ['GATEWAY_REDIS_URL', 'cache\\.shared\\.url'],
    ['GATEWAY_GRAPH_ENDPOINT', 'graph\\.endpoint'],
  ].map(([name, key]) => ({
    what: `${name}, of which network policies would not know`,
    values: { env: [{ name, value: 'https://a.example' }] },
    sentence: new RegExp(`env has ${name}, of which .* would not know: write config\\.${key}`),
  })),
  {
    what: 'a variable that moves a port away from its Service',
    values: { env: [{ name: 'GATEWAY_LISTEN', value: ':1' }] },
    sentence:
      /env has GATEWAY_LISTEN, of which Services and network policies would not know: write config\.server\.listen/,
  },
  {
    what: 'no word about TLS',
    values: { tls: { secretName: '' } },
    sentence: /where does the TLS of callers end\? Give tls\.secretName or tls\.certManager\.issuerRef; or/,
  },
  {
    what: 'a certificate, and TLS off',
    values: { config: { server: { tls: 'off' } } },
    sentence: /tls names a certificate, and config\.server\.tls is off: remove one of them/,
  },
  {
    what: 'a certificate, and TLS off as YAML 1.1 has it',
    values: { config: { server: { tls: false } } },
    sentence: /tls names a certificate, and config\.server\.tls is off: remove one of them/,
  },
  {
    what: 'a file that nothing mounts',
    values: { config: { outbound: { caFile: '/etc/session-gateway/ca/ca.crt' } } },
    sentence:
      /config names a file below \/etc\/session-gateway\/ca, and nothing is mounted there: add files: \{ ca:/,
  },
  {
    what: 'files under a name of the chart',
    values: { files: { tls: { secret: { secretName: 'x' } } } },
    sentence: /files\.tls: this name is taken by the chart/,
  },
  {
    what: 'a file from two places, as two merged values files give it',
    values: { files: { identity: { secret: { secretName: 'x' }, csi: { driver: 'y' } } } },
    sentence: /files\.identity has 2 sources \(csi, secret\), and a volume has one/,
  },
  {
    what: 'files from nowhere',
    values: { files: { ca: {} } },
    sentence: /files[./]ca/,
  },
  {
    what: 'a volume under a name of the chart',
    values: { volumes: [{ name: 'file-ca', emptyDir: {} }] },
    sentence: /volumes has file-ca: this name is taken by the chart/,
  },
  {
    what: 'a label by which pods are found',
    values: { podLabels: { 'app.kubernetes.io/component': 'x' } },
    sentence: /podLabels has app\.kubernetes\.io\/component, by which pods of this release are found/,
  },
  {
    what: 'a route, and no word about who is in front',
    values: edge,
    sentence:
      /httpRoute is on, so somebody is in front of the gateway: name in config\.server\.trustedProxies/,
  },
  {
    what: 'an ingress, and no word about who is in front',
    values: { ingress: { enabled: true, hosts: ['a.example.com'] } },
    sentence: /ingress is on, so somebody is in front of the gateway: name in config\.server\.trustedProxies/,
  },
  {
    what: 'a route that belongs to no Gateway',
    values: { httpRoute: { enabled: true }, config: { server: { trustedProxies: [] } } },
    sentence: /httpRoute\.parentRefs is empty: name the Gateway/,
  },
  {
    what: 'an ingress without a host',
    values: { ingress: { enabled: true }, config: { server: { trustedProxies: [] } } },
    sentence: /ingress\.hosts is empty: name the hosts/,
  },
  {
    what: 'alerts without their pages',
    values: { prometheusRule: { enabled: true } },
    sentence: /prometheusRule\.runbookUrl is missing: where do your people read docs\/runbooks/,
  },
  {
    what: 'a PodMonitor for which no door is open',
    values: { podMonitor: { enabled: true } },
    sentence: /podMonitor is on, and networkPolicy\.ingress\.managementFrom lets no Prometheus in/,
  },
  {
    what: 'a place of Redis that Cilium would not be told',
    case: 'shared-cache',
    values: { networkPolicy: { cilium: { enabled: true } } },
    sentence: /networkPolicy\.egress\.redisTo is of a NetworkPolicy, .* it would narrow and open nothing/,
  },
  {
    what: 'one port for callers and management',
    values: { config: { server: { listen: ':9090' } } },
    sentence: /have the same port: callers must not reach the management port/,
  },
  {
    what: 'a listener that only the pod itself reaches',
    values: { config: { server: { listen: '127.0.0.1:8443' } } },
    sentence: /config\.server listens on "127\.0\.0\.1:8443": in a pod it must be every interface/,
  },
  {
    what: 'a port for which one must be root',
    values: { config: { server: { listen: ':443' } } },
    sentence: /config\.server listens on ":443": ports below 1024 are not for a user without privileges/,
  },
  {
    what: 'a cache that does not fit into the memory',
    values: { config: { cache: { memory: '1GiB' } } },
    sentence:
      /resources\.limits\.memory is 640Mi, and config\.cache\.memory \(1024 MiB\) needs 3414Mi at least/,
  },
  {
    what: 'a limit that is no quantity',
    values: { resources: { limits: { memory: '640MB' } } },
    sentence: /resources\.limits\.memory: "640MB" is not a quantity such as 640Mi or 1Gi/,
  },
  {
    what: 'a limit in bytes that is too small',
    values: { resources: { limits: { memory: 268_435_456 } } },
    sentence: /resources\.limits\.memory is 268435456, and config\.cache\.memory/,
  },
  {
    what: 'a value that there is not',
    values: { replicaCount: 3 },
    sentence:
      /replicaCount.*(?:not allowed|Additional property)|(?:not allowed|Additional property).*replicaCount/,
  },
  {
    what: 'a key of the configuration that there is not',
    values: { config: { cache: { freshfor: '30s' } } },
    sentence: /freshfor/,
  },
  {
    what: 'a value of the configuration out of its form',
    values: { config: { cache: { freshFor: 'soon' } } },
    sentence: /config[./]cache[./]freshFor/,
  },
  {
    what: 'a digest that is none',
    values: { image: { digest: 'latest' } },
    sentence: /image[./]digest/,
  },
]

describe('what the chart refuses', () => {
  for (const { what, values, sentence, case: name = 'minimal' } of mistakes) {
    it(what, async () => {
      for (const helm of helmVersions) {
        const { status, stdout, stderr } = await template({ helm, case: name, values })
        assert.notEqual(status, 0, stdout)
        assert.match(stderr, sentence)
        assert.doesNotMatch(
          stderr,
          /hunter2|nil pointer|executing.*: (?:wrong type|error calling (?!fail|include))/,
        )
      }
    })
  }

  it('no limit that is large enough, whatever it is written in', async () => {
    for (const memory of [1_073_741_824, '1073741824', '1e9', '0.5Gi', '1Pi', '1073741824000m']) {
      const { status, stderr } = await template({ values: { resources: { limits: { memory } } } })
      assert.equal(status, 0, `${memory}: ${stderr}`)
    }
  })

  it('no file that a volume of one’s own has', async () => {
    const { status, stderr } = await template({
      values: {
        config: { outbound: { caFile: '/etc/session-gateway/ca/ca.crt' } },
        volumes: [{ name: 'ca', configMap: { name: 'ca' } }],
        volumeMounts: [{ name: 'ca', mountPath: '/etc/session-gateway/ca' }],
      },
    })
    assert.equal(status, 0, stderr)
  })

  it('nothing that is meant: TLS that ends in front, a managed identity, a variable from a Secret', async () => {
    const secretKeyRef = { name: 'log', key: 'level' }
    const { status, stderr } = await template({
      values: {
        tls: { secretName: '' },
        identity: { acceptNodeWideIdentity: true },
        env: [{ name: 'GATEWAY_LOG_LEVEL', valueFrom: { secretKeyRef } }],
        global: { imageRegistry: 'mirror.example.com', somethingOfALargerChart: { deep: true } },
        config: { server: { tls: false }, identity: { credential: { type: 'managed' } } },
      },
    })
    assert.equal(status, 0, stderr)
  })
})
