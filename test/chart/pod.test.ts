import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cases, configIn, has, type Manifest, only, podsIn, render } from './render.ts'

const rendered = new Map(
  await Promise.all(cases.map(async (name) => [name, await render({ case: name })] as const)),
)

function eachPod(check: (pod: Manifest['spec'], name: string) => void): void {
  for (const [name, manifests] of rendered) {
    const pods = podsIn(manifests)
    assert.equal(pods.length, 2, 'the gateway and the probe')
    for (const pod of pods) check(pod, name)
  }
}

/** The gateway's own, with the values of one case. */
function podOf(manifests: readonly Manifest[]): Manifest['spec'] {
  return only(manifests, 'Deployment')['spec'].template.spec
}

function environmentOf(manifests: readonly Manifest[]): Record<string, string> {
  const { env } = podOf(manifests).containers[0]
  return Object.fromEntries(env.map(({ name, value }: { name: string; value: string }) => [name, value]))
}

describe('the pods of the chart', () => {
  it('pass Pod Security "restricted"', () => {
    eachPod((pod, name) => {
      assert.equal(pod.securityContext.runAsNonRoot, true)
      assert.deepEqual(pod.securityContext.seccompProfile, { type: 'RuntimeDefault' })
      for (const field of ['hostNetwork', 'hostPID', 'hostIPC', 'initContainers', 'ephemeralContainers']) {
        assert.equal(field in pod, false, field)
      }
      assert.equal(pod.containers.length, 1)
      const { securityContext, ports = [] } = pod.containers[0]
      assert.deepEqual(securityContext.capabilities, { drop: ['ALL'] })
      assert.equal(securityContext.allowPrivilegeEscalation, false)
      assert.equal(securityContext.readOnlyRootFilesystem, true)
      for (const port of ports) assert.equal('hostPort' in port, false)
      const allowed = [
        'configMap',
        'csi',
        'downwardAPI',
        'emptyDir',
        'persistentVolumeClaim',
        'projected',
        'secret',
      ]
      for (const { name: _, ...source } of pod.volumes) {
        assert.deepEqual(
          Object.keys(source).filter((kind) => !allowed.includes(kind)),
          [],
          name,
        )
      }
    })
  })

  it('run as a number that is not root, unless the cluster is to choose it', () => {
    eachPod((pod, name) => {
      const { runAsUser, runAsGroup, fsGroup } = pod.securityContext
      const expected = name === 'certificate' ? undefined : 65_532
      assert.deepEqual([runAsUser, runAsGroup, fsGroup], [expected, expected, expected], name)
    })
  })

  it('get no token and no variable that nobody asked for', () => {
    eachPod((pod) => {
      assert.equal(pod.automountServiceAccountToken, false)
      assert.equal(pod.enableServiceLinks, false)
    })
    for (const manifests of rendered.values()) {
      assert.equal(only(manifests, 'ServiceAccount')['automountServiceAccountToken'], false)
    }
  })

  it('can write where a value says so, and nowhere else', () => {
    eachPod((pod, name) => {
      const writable = pod.containers[0].volumeMounts.filter(
        ({ readOnly }: { readOnly?: boolean }) => readOnly !== true,
      )
      const isTold = name === 'everything' && pod.containers[0].name === 'gateway'
      assert.deepEqual(
        writable.map(({ mountPath }: { mountPath: string }) => mountPath),
        isTold ? ['/var/lib/session-gateway'] : [],
      )
    })
  })

  it('are all of one image, by its digest or tag, from the registry of a larger chart', () => {
    const images = new Map<string, unknown[]>()
    eachPod((pod, name) => images.set(name, [...(images.get(name) ?? []), pod.containers[0].image]))
    const twice = (image: string): string[] => [image, image]
    assert.deepEqual(images.get('minimal'), twice('registry.example.com/session-gateway:0.1.0'))
    assert.deepEqual(
      images.get('workload-identity'),
      twice(`soc.azurecr.io/session-gateway@sha256:${'0'.repeat(64)}`),
    )
    assert.deepEqual(
      images.get('everything'),
      twice('mirror.example.com/registry.example.com/soc/session-gateway:0.1.0'),
    )
    const withSecrets = rendered.get('everything') ?? []
    for (const pod of podsIn(withSecrets)) {
      assert.deepEqual(pod.imagePullSecrets, [{ name: 'mirror-credentials' }])
    }
  })

  it('need no shell', () => {
    eachPod(({ containers: [container] }) => {
      assert.equal('command' in container, false)
      assert.equal('lifecycle' in container, false)
      for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
        assert.equal('exec' in (container[probe] ?? {}), false)
      }
    })
  })

  it('have a limit of memory, and none of processor', () => {
    eachPod(({ containers: [{ resources }] }) => {
      assert.ok(resources.limits.memory)
      assert.equal('cpu' in resources.limits, false)
      assert.ok(resources.requests.cpu)
    })
  })

  it('are probed on the management port, with five seconds for an answer', () => {
    for (const [name, manifests] of rendered) {
      const [container] = podOf(manifests).containers
      const isEncrypted = ['everything', 'shared-cache'].includes(name)
      for (const [probe, path] of [
        ['startupProbe', '/livez'],
        ['livenessProbe', '/livez'],
        ['readinessProbe', '/readyz'],
      ] as const) {
        assert.deepEqual(container[probe].httpGet, {
          path,
          port: 'management',
          scheme: isEncrypted ? 'HTTPS' : 'HTTP',
        })
        assert.equal(container[probe].timeoutSeconds, 5)
        // One answer that is late, on a busy node, takes no pod out of its Service, and restarts none.
        assert.ok(container[probe].failureThreshold >= 3)
      }
    }
  })

  it('may take as long to stop as draining takes', () => {
    const graceOf = (name: string): unknown => podOf(rendered.get(name) ?? []).terminationGracePeriodSeconds
    assert.equal(graceOf('minimal'), 45)
    assert.equal(graceOf('everything'), 135)
  })

  it('are replaced without one less meanwhile', () => {
    for (const manifests of rendered.values()) {
      const { strategy } = only(manifests, 'Deployment')['spec']
      assert.deepEqual(strategy, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } })
    }
  })

  it('are replaced when the configuration changes, and not when the chart alone does', async () => {
    const checksum = (manifests: readonly Manifest[]): unknown =>
      only(manifests, 'Deployment')['spec'].template.metadata.annotations['checksum/config']
    const [one, same, other] = await Promise.all([
      render(),
      render({ values: { service: { port: 8443 } } }),
      render({ values: { config: { cache: { freshFor: '31s' } } } }),
    ])
    assert.equal(checksum(one), checksum(same))
    assert.notEqual(checksum(one), checksum(other))
    assert.equal('helm.sh/chart' in only(one, 'Deployment')['spec'].template.metadata.labels, false)
  })
})

describe('tokens that the chart projects', () => {
  function tokensOf(pod: Manifest['spec']): unknown[] {
    return pod.volumes.flatMap(({ projected }: Manifest) =>
      (projected?.sources ?? []).flatMap(({ serviceAccountToken }: Manifest) => serviceAccountToken ?? []),
    )
  }

  it('are for the API server only where it is asked for keys, and for Entra only where it takes them', () => {
    const tokens = (name: string): unknown[] => tokensOf(podOf(rendered.get(name) ?? []))
    const forApiServer = { path: 'token', expirationSeconds: 3607 }
    const forEntra = {
      path: 'azure-identity-token',
      audience: 'api://AzureADTokenExchange',
      expirationSeconds: 3600,
    }
    assert.deepEqual(tokens('minimal'), [forApiServer, forEntra])
    assert.deepEqual(tokens('workload-identity'), [forApiServer])
    assert.deepEqual(tokens('certificate'), [])
    assert.deepEqual(tokens('everything'), [forApiServer])
  })

  it('stand where the gateway looks for them', () => {
    const manifests = rendered.get('minimal') ?? []
    const pod = podOf(manifests)
    const mounted = (name: string): unknown =>
      pod.containers[0].volumeMounts.find((each: Manifest) => each['name'] === name)?.mountPath
    assert.equal(mounted('api-server'), '/var/run/secrets/kubernetes.io/serviceaccount')
    const { tokenFile } = configIn(manifests).identity.credential
    assert.equal(`${String(mounted('federated-token'))}/azure-identity-token`, tokenFile)
    const [{ projected }] = pod.volumes.filter((each: Manifest) => each['name'] === 'api-server')
    assert.deepEqual(projected.sources[1].configMap, {
      name: 'kube-root-ca.crt',
      items: [{ key: 'ca.crt', path: 'ca.crt' }],
    })
  })

  it('go without the webhook of workload identity, which finds its variables there already', () => {
    for (const name of ['minimal', 'workload-identity']) {
      const manifests = rendered.get(name) ?? []
      const { tenantId, clientId, credential } = configIn(manifests).identity
      const { GATEWAY_CONFIG: _, ...environment } = environmentOf(manifests)
      assert.deepEqual(environment, {
        AZURE_TENANT_ID: tenantId,
        AZURE_CLIENT_ID: clientId,
        AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com',
        AZURE_FEDERATED_TOKEN_FILE: credential.tokenFile,
      })
      const isMutated = only(manifests, 'Deployment')['spec'].template.metadata.labels[
        'azure.workload.identity/use'
      ]
      assert.equal(isMutated, name === 'minimal' ? undefined : 'true')
    }
    const { annotations } = only(rendered.get('workload-identity') ?? [], 'ServiceAccount').metadata
    assert.deepEqual(annotations, {
      'azure.workload.identity/client-id': '22222222-2222-2222-2222-222222222222',
      'azure.workload.identity/tenant-id': '11111111-1111-1111-1111-111111111111',
    })
  })

  const remote = {
    type: 'kubernetes',
    audience: 'elsewhere',
    apiServer: 'https://elsewhere.example:6443',
    tokenFile: '/etc/session-gateway/remote/token',
  }

  it('leave alone what a volume brings, such as a token of SPIFFE', async () => {
    const credential = { type: 'federated', tokenFile: '/run/spiffe/jwt' }
    const volume = {
      volumes: [{ name: 'spiffe', csi: { driver: 'csi.spiffe.io', readOnly: true } }],
      volumeMounts: [{ name: 'spiffe', mountPath: '/run/spiffe', readOnly: true }],
    }
    const inFiles = { ...credential, tokenFile: '/etc/session-gateway/spiffe/jwt' }
    for (const values of [
      { ...volume, config: { identity: { credential } } },
      { files: { spiffe: { secret: { secretName: 'jwt' } } }, config: { identity: { credential: inFiles } } },
    ]) {
      const manifests = await render({ values })
      assert.equal(tokensOf(podOf(manifests)).length, 1)
      const paths = podOf(manifests).containers[0].volumeMounts.map(({ mountPath }: Manifest) => mountPath)
      assert.equal(new Set(paths).size, paths.length)
    }
  })

  it('come with the authority of the API server wherever that is read', async () => {
    const files = { remote: { secret: { secretName: 'remote' } } }
    const issuers = { cluster: { tokenFile: '/etc/session-gateway/remote/token' } }
    const [pod] = podsIn(await render({ values: { files, config: { issuers } } }))
    assert.ok(pod.volumes.some(({ name }: Manifest) => String(name) === 'api-server'))
  })

  it('for helm test are for this cluster, whichever other is named before it', async () => {
    const files = { remote: { secret: { secretName: 'remote' } } }
    const caFile = '/etc/session-gateway/remote/ca.crt'
    const issuers = { another: { ...remote, caFile, tokenReview: {} } }
    const manifests = await render({ values: { files, config: { issuers } } })
    assert.deepEqual(tokensOf(only(manifests, 'Pod')['spec']), [
      { path: 'token', audience: 'session-gateway', expirationSeconds: 600 },
    ])
    // And the reviews of the other are no right in this one.
    assert.equal(has(manifests, 'ClusterRole'), false)

    const own = { cluster: { apiServer: 'https://kubernetes.default.svc', tokenReview: {} } }
    const named = await render({ values: { config: { issuers: own } } })
    assert.equal(tokensOf(only(named, 'Pod')['spec']).length, 1)
    assert.equal(has(named, 'ClusterRole'), true)
  })

  it('for helm test is one of its own, and no key of the certificate comes with it', () => {
    const probe = only(rendered.get('minimal') ?? [], 'Pod')
    assert.deepEqual(tokensOf(probe['spec']), [
      { path: 'token', audience: 'session-gateway', expirationSeconds: 600 },
    ])
    const [{ secret }] = probe['spec'].volumes
    assert.deepEqual(secret.items, [{ key: 'tls.crt', path: 'tls.crt' }])
    assert.deepEqual(probe.metadata.annotations, {
      'helm.sh/hook': 'test',
      'helm.sh/hook-delete-policy': 'before-hook-creation,hook-succeeded',
    })
  })
})

describe('TokenReview', () => {
  it('comes with the right to create one, and no other', async () => {
    const values = { config: { issuers: { cluster: { tokenReview: {} } } } }
    const manifests = await render({ values })
    assert.deepEqual(only(manifests, 'ClusterRole')['rules'], [
      { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    ])
    const { roleRef, subjects } = only(manifests, 'ClusterRoleBinding')
    assert.equal(roleRef.name, only(manifests, 'ClusterRole').metadata.name)
    assert.deepEqual(subjects, [{ kind: 'ServiceAccount', name: 'gw-session-gateway', namespace: 'soc' }])
  })

  it('is the only thing for which the gateway has a right', () => {
    for (const manifests of rendered.values()) {
      for (const kind of ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding']) {
        assert.equal(has(manifests, kind), false)
      }
    }
  })
})
