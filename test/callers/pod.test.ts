/** The gateway in a pod: told of an API server by a host and a port, as every pod is, with the pod's own token and authority. */

import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type EmulatorOptions, startEmulator } from '../../src/emulator/index.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { audience, startWorld, type World } from '../world/world.ts'
import { reasonOf, until } from './forge.ts'

interface Pod extends World {
  readonly clock: FakeClock
  /** A new token of the triage service's pod, as the kubelet would project one. */
  readonly projected: (claims?: Record<string, unknown>) => Promise<string>
}

async function startPod(
  cluster: object = {},
  { host = '127.0.0.1', ...options }: EmulatorOptions = {},
): Promise<Pod> {
  await using building = new AsyncDisposableStack()
  const clock = createFakeClock()
  // IPv6's loopback is listened on as well where that is how the API server is reached: the rest is at localhost.
  const listensOn = host.includes(':') ? '::' : host
  const emulator = building.use(await startEmulator({ now: clock.now, host: listensOn, ...options }))
  emulator.entra.tokenLifetimeSeconds = 86_400
  const world = building.use(
    await startWorld({
      clock,
      emulator,
      without: ['issuers'],
      podEnv: { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: new URL(emulator.url).port },
      config: (inFolder) => ({
        issuers: {
          cluster: {
            type: 'kubernetes',
            audience,
            tokenFile: inFolder('pod.token'),
            caFile: inFolder('ca.pem'),
            ...cluster,
          },
          oidc: { type: 'oidc', issuer: emulator.issuer.url, audience },
        },
      }),
    }),
  )
  await until(world, () => fetches(world) === 1)
  const made = building.move()
  return {
    ...world,
    clock,
    projected: (claims = {}) =>
      emulator.issuer.serviceAccountToken({ namespace: 'soc', serviceAccount: 'triage', audience, claims }),
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  }
}

/** Fetches of keys that have come to something, good or bad. */
function fetches({ logs }: World): number {
  return logs.filter(({ issuer, msg }) => issuer === 'cluster' && /keys/.test(String(msg))).length
}

async function statusOf(pod: Pod, token: string): Promise<number> {
  return (await pod.ask(undefined, { token })).status
}

test('a projected token is verified with the keys of the API server, reviewed by it, and answered', async () => {
  await using pod = await startPod({ tokenReview: {} })
  const token = await pod.projected({ jti: 'j-1' })
  assert.equal(await statusOf(pod, token), 200)
  const targets = pod.emulator.cluster.recorded.map(({ method, target }) => `${method} ${target}`)
  assert.deepEqual(targets, [
    'GET /.well-known/openid-configuration',
    'GET /openid/v1/jwks',
    'POST /apis/authentication.k8s.io/v1/tokenreviews',
  ])
  const bound = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())['kubernetes.io']
  assert.partialDeepStrictEqual(pod.records.at(-1), {
    tokenId: 'j-1',
    pod: bound.pod.name,
    podUid: bound.pod.uid,
    serviceAccount: 'triage',
    status: 200,
  })
})

test('the API server may have an IPv6 address, which stands in brackets in no variable', async () => {
  await using pod = await startPod({ tokenReview: {} }, { host: '::1' })
  assert.equal(await statusOf(pod, await pod.projected()), 200)
  const { rawHeaders = [] } = pod.emulator.cluster.recorded.at(-1) ?? {}
  const { port } = new URL(pod.emulator.url)
  assert.equal(rawHeaders[rawHeaders.findIndex((name) => name.toLowerCase() === 'host') + 1], `[::1]:${port}`)
})

test('an issuer that ends in a slash is that one and no other', async () => {
  const clusterIssuerUrl = 'https://eastus.oic.prod-aks.azure.com/tenant/cluster/'
  const without = clusterIssuerUrl.slice(0, -1)
  await using pod = await startPod({ tokenReview: {} }, { clusterIssuerUrl })
  assert.equal(await statusOf(pod, await pod.projected()), 200)
  const reply = await pod.ask(undefined, { token: await pod.projected({ iss: without }) })
  assert.equal(reply.status, 401)
  assert.match(reasonOf(pod, reply), new RegExp(`no issuer is configured for iss "${without}"`))

  await using strict = await startPod({ issuer: without }, { clusterIssuerUrl })
  assert.equal(await statusOf(strict, await strict.projected()), 401)
  assert.equal(await statusOf(strict, await strict.projected({ iss: without })), 200)
})

test('a rotation of the cluster’s key loses no request, of old tokens or new', async () => {
  await using pod = await startPod({ tokenReview: {} })
  const { emulator } = pod
  const old = await Promise.all(Array.from({ length: 10 }, () => pod.projected()))
  const statuses = new Set<number>()
  const all = async (tokens: readonly string[]): Promise<void> => {
    for (const status of await Promise.all(tokens.map((token) => statusOf(pod, token)))) statuses.add(status)
  }
  await all(old)
  await emulator.issuer.rotate()
  const fresh = await Promise.all(Array.from({ length: 10 }, () => pod.projected()))
  await all([...old, ...fresh])
  // A minute later each is verified anew, and each is reviewed anew.
  pod.clock.advance(60_000)
  await all([...fresh, ...old])
  assert.deepEqual(statuses, new Set([200]))
  assert.equal(emulator.cluster.reviews, 40)
  // The old key is withdrawn, which we learn in five minutes: its tokens end, and no others do.
  await emulator.issuer.rotate({ keepOld: false })
  const newest = await pod.projected()
  const fetched = fetches(pod)
  pod.clock.advance(5 * 60_000)
  await until(pod, () => fetches(pod) > fetched)
  assert.deepEqual(await Promise.all([old[0] ?? '', newest].map((token) => statusOf(pod, token))), [401, 200])
})

for (const [whenUnavailable, expected] of [
  ['accept', 200],
  ['reject', 503],
] as const) {
  test(`while the API server is down the keys go on, and reviews as chosen: ${whenUnavailable}`, async () => {
    await using pod = await startPod({ tokenReview: { whenUnavailable } })
    const known = await pod.projected()
    assert.equal(await statusOf(pod, known), 200)
    pod.emulator.fail('cluster', { kind: 'reset' }, Infinity)
    assert.equal(await statusOf(pod, known), 200)
    assert.equal(await statusOf(pod, await pod.projected()), expected)
    for (let minutes = 0; minutes < 30; minutes += 5) {
      const fetched = fetches(pod)
      pod.clock.advance(5 * 60_000)
      await until(pod, () => fetches(pod) > fetched)
      assert.equal(await statusOf(pod, await pod.projected()), expected)
      assert.equal(await statusOf(pod, await pod.projected({ aud: ['vault'] })), 401)
    }
    const { degraded } = (await pod.manage('/readyz')).json
    assert.deepEqual(degraded, [
      'issuer cluster: keys cannot be fetched',
      'issuer cluster: tokens cannot be reviewed',
    ])
    pod.emulator.recover('cluster')
    pod.clock.advance(30_000)
    assert.equal(await statusOf(pod, await pod.projected()), 200)
  })
}

test('without reviews a token of a pod that is gone holds until it expires, and the API server is asked for keys alone', async () => {
  await using pod = await startPod()
  const token = await pod.projected()
  pod.emulator.cluster.deletePod('soc', 'triage-6c9f7d5b8-x2k4q')
  assert.equal(await statusOf(pod, token), 200)
  assert.equal(pod.emulator.cluster.requests, 2)
})

test('the pod’s token and authority are read for each review: a rotated one counts, a missing one is told of', async () => {
  await using pod = await startPod({ tokenReview: {} })
  const tokenFile = join(pod.folder, 'pod.token')
  await writeFile(tokenFile, 'of a time long past')
  const token = await pod.projected()
  const refused = await pod.ask(undefined, { token })
  assert.equal(refused.status, 503)
  assert.match(reasonOf(pod, refused), /tokenreviews answered 401/)
  await rm(tokenFile)
  pod.clock.advance(1_000)
  const missing = await pod.ask(undefined, { token })
  assert.equal(missing.status, 503)
  assert.match(reasonOf(pod, missing), /pod\.token cannot be read \(ENOENT\)/)
  await writeFile(tokenFile, pod.emulator.cluster.podToken)
  // The authority is renewed beside the old one, which is what a rotation looks like.
  await writeFile(join(pod.folder, 'ca.pem'), `${pod.emulator.caPem}\n${pod.emulator.caPem}`)
  pod.clock.advance(2_000)
  assert.equal(await statusOf(pod, token), 200)
})
