/** From the chart to the first read: what Helm renders, in the image, against an emulated Entra, Graph and API server. */

import assert from 'node:assert/strict'
import { chmodSync, mkdtempDisposableSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Agent, request } from 'undici'
import { startEmulator } from '../../src/emulator/index.ts'
import { configIn, only, render } from '../chart/render.ts'
import { freePort } from '../world/free-port.ts'
import { sessionPath } from '../world/world.ts'
import { ensureImage } from './build.ts'
import { startPod } from './pod.ts'

const image = ensureImage()
const service = 'gw-session-gateway'
const names = [`${service}.soc.svc`, `${service}-peers.soc.svc`]

test('a release of the chart becomes ready, answers a pod with its projected token, passes helm test, and drains', async (t) => {
  await using emulator = await startEmulator()
  using folder = mkdtempDisposableSync(join(tmpdir(), 'session-gateway-pod-'))
  chmodSync(folder.path, 0o755)
  const [port, managementPort] = [await freePort(), await freePort()]
  const manifests = await render({
    values: {
      service: { port },
      files: { ca: { configMap: { name: 'private-ca' } } },
      config: {
        // In place of Microsoft's; the ports, since all pods of a test have one address.
        server: { listen: `:${port}`, management: { listen: `:${managementPort}` } },
        issuers: { cluster: { tokenReview: {} } },
        outbound: { caFile: '/etc/session-gateway/ca/ca.crt' },
        graph: { endpoint: emulator.url },
        identity: {
          tenantId: emulator.entra.tenantId,
          clientId: emulator.entra.clientId,
          authorityHost: emulator.url,
        },
      },
    },
  })
  const deployment = only(manifests, 'Deployment')['spec'].template.spec
  const { namespace = '' } = only(manifests, 'Deployment').metadata
  const tokenFor = (serviceAccount: string, audience: string): Promise<string> =>
    emulator.issuer.serviceAccountToken({ namespace, serviceAccount, audience })
  emulator.entra.trustFederated({
    issuer: emulator.cluster.issuerUrl,
    subject: `system:serviceaccount:${namespace}:${deployment.serviceAccountName}`,
  })
  const certificate = await emulator.certificateFor(names)
  const authority = { 'ca.crt': emulator.caPem }

  const { audience } = configIn(manifests).issuers.cluster

  await using gateway = startPod(image, deployment, {
    folder: folder.path,
    volumes: {
      config: only(manifests, 'ConfigMap')['data'],
      tls: { 'tls.crt': certificate.certPem, 'tls.key': certificate.keyPem },
      'file-ca': authority,
      'api-server': { ...authority, token: emulator.cluster.podToken, namespace },
      'federated-token': {
        'azure-identity-token': await tokenFor(deployment.serviceAccountName, 'api://AzureADTokenExchange'),
      },
    },
    env: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: new URL(emulator.url).port },
    hosts: [],
  })
  await gateway.prints('stderr', /"listening"/)

  const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8')
  for (const fact of [
    /^Uid:(?:\t65532){4}$/m,
    /^Groups:\t *$/m,
    /^NSpid:\t\d+\t1$/m,
    /^CapEff:\t0{16}$/m,
    /^NoNewPrivs:\t1$/m,
  ]) {
    assert.match(status, fact)
  }

  // `helm test`, which waits until the gateway is ready.
  const probe = only(manifests, 'Pod')['spec']
  await using probing = startPod(image, probe, {
    folder: folder.path,
    volumes: {
      certificate: { 'tls.crt': certificate.certPem },
      token: { token: await tokenFor(probe.serviceAccountName, audience) },
    },
    env: {},
    hosts: names,
  })
  const probed = await probing.ended
  assert.equal(probed.code, 0, probed.stdout + probed.stderr)

  const agent = new Agent({ connect: { ca: emulator.caPem, servername: names[0] ?? '' } })
  t.after(() => agent.destroy())
  const read = async (token: string | undefined): Promise<[status: number, cache: unknown]> => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const {
      statusCode,
      headers: answered,
      body,
    } = await request(`https://127.0.0.1:${port}${sessionPath}`, {
      dispatcher: agent,
      headers,
    })
    await body.dump()
    return [statusCode, answered['cache-status']]
  }
  const caller = await tokenFor('triage', audience)
  assert.equal((await read(undefined))[0], 401)
  assert.equal((await read(await tokenFor('somebody-else', audience)))[0], 403)
  assert.deepEqual(await read(caller), [200, 'session-gateway; fwd=uri-miss; fwd-status=200; stored'])
  const [again, cache] = await read(caller)
  assert.equal(again, 200)
  assert.match(String(cache), /^session-gateway; hit; ttl=\d+$/)

  gateway.signal('SIGTERM')
  const ended = await gateway.ended
  assert.equal(ended.code, 0, ended.stderr)
  const reads = ended.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ api, actor }) => api.operation === 'session.get' && actor.user?.name === 'triage')
  assert.deepEqual(
    reads.map(({ status_id }) => status_id),
    [1, 1],
  )
  assert.ok(emulator.cluster.reviews > 0)
})
