import assert from 'node:assert/strict'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startEmulator } from '../../src/emulator/index.ts'
import { audience } from '../world/world.ts'
import { startServing } from './serving.ts'

test('in a pod nothing needs to be said of the API server but that there is one', async () => {
  await using emulator = await startEmulator({ host: '127.0.0.1' })
  await using pod = await mkdtempDisposable(join(tmpdir(), 'session-gateway-pod-'))
  const tokenFile = join(pod.path, 'token')
  const caFile = join(pod.path, 'ca.crt')
  await writeFile(tokenFile, emulator.cluster.podToken)
  await writeFile(caFile, emulator.caPem)
  await using serving = await startServing({
    emulator,
    env: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: new URL(emulator.url).port },
    config: {
      issuers: { cluster: { type: 'kubernetes', audience, tokenFile, caFile, tokenReview: {} } },
      access: {
        triage: {
          callers: [{ issuer: 'cluster', namespace: 'soc', serviceAccount: 'triage' }],
          workspaces: ['*'],
        },
      },
    },
  })
  const account = { namespace: 'soc', serviceAccount: 'triage', audience, pod: 'triage-0' }
  const authorization = `Bearer ${await emulator.issuer.serviceAccountToken(account)}`
  assert.equal((await serving.ask(undefined, { authorization })).status, 200)
  const targets = emulator.cluster.recorded.map(({ method, target }) => `${method} ${target}`)
  assert.deepEqual(targets, [
    'GET /.well-known/openid-configuration',
    'GET /openid/v1/jwks',
    'POST /apis/authentication.k8s.io/v1/tokenreviews',
  ])
  emulator.cluster.deletePod('soc', 'triage-0')
  const late = await emulator.issuer.serviceAccountToken({ ...account, pod: 'triage-1' })
  emulator.cluster.deletePod('soc', 'triage-1')
  const reply = await serving.ask(undefined, { authorization: `Bearer ${late}` })
  assert.equal(reply.status, 401)
  const line = serving.logs.find(({ requestId }) => requestId === reply.headers['request-id'])
  assert.match(line?.['reason'], /service account token has been invalidated/)
})
