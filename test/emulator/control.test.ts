import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import { emulatorAndClient, sessionPath } from './client.ts'
import type { Client, Reply } from './client.ts'

function post(client: Client, path: string, content: unknown): Promise<Reply> {
  const body = typeof content === 'string' ? content : JSON.stringify(content)
  return client.ask(`/_emulator${path}`, { method: 'POST', body })
}

test('the counters are there to read', async () => {
  await using client = await emulatorAndClient()
  await client.graph(sessionPath)
  await client.ask('/issuer/jwks')
  assert.deepEqual((await client.ask('/_emulator')).json, {
    graph: { calls: 1 },
    token: { requests: 1, exchanges: 1 },
    issuer: { requests: 1, jwksRequests: 1 },
    cluster: { requests: 0, reviews: 0 },
    imds: { requests: 0 },
  })
})

test('a fault is set by a request, and a reset takes it away', async () => {
  await using client = await emulatorAndClient()
  const fault = { kind: 'status', status: 429, retryAfter: '7' }
  assert.equal((await post(client, '/faults', { part: 'graph', fault, times: 'Infinity' })).status, 200)
  const throttled = await client.graph(sessionPath)
  assert.deepEqual([throttled.status, throttled.headers['retry-after']], [429, '7'])
  assert.equal((await post(client, '/reset', '')).status, 200)
  assert.equal((await client.graph(sessionPath)).status, 200)
})

test('a fault without a number of times happens once', async () => {
  await using client = await emulatorAndClient()
  await post(client, '/faults', { part: 'issuer', fault: { kind: 'html' } })
  assert.equal((await client.ask('/issuer/jwks')).headers['content-type'], 'text/html')
  assert.ok((await client.ask('/issuer/jwks')).json.keys)
})

test('tokens of both makes can be had', async () => {
  await using client = await emulatorAndClient()
  const { json } = await post(client, '/tokens', { claims: { sub: 'me', aud: 'there' } })
  assert.equal(decodeJwt(json.token).sub, 'me')
  const serviceAccount = { namespace: 'soc', serviceAccount: 'triage', audience: 'session-gateway.soc' }
  const projected = await post(client, '/tokens', { serviceAccount })
  assert.equal(decodeJwt(projected.json.token).sub, 'system:serviceaccount:soc:triage')
  assert.equal(decodeJwt((await post(client, '/tokens', '')).json.token).sub, 'caller')
})

const bad = [
  ['/faults', 'not JSON', 'the body is not JSON'],
  ['/faults', '[]', 'the body: a JSON object'],
  ['/faults', {}, 'part: one of graph, token, issuer, cluster'],
  ['/faults', { part: 'graph' }, 'fault: a JSON object'],
  ['/faults', { part: 'graph', fault: { kind: 'hold' } }, 'fault.kind: one of status, entraError'],
  ['/faults', { part: 'graph', fault: { kind: 'toString' } }, 'fault.kind: one of'],
  ['/faults', { part: 'graph', fault: { kind: 'status' } }, 'fault.status: missing'],
  ['/faults', { part: 'graph', fault: { kind: 'status', status: 99 } }, 'fault.status: not usable'],
  ['/faults', { part: 'graph', fault: { kind: 'hang', ms: 1 } }, 'fault.ms: unknown'],
  ['/faults', { part: 'graph', fault: { kind: 'entraError', aadsts: 1 } }, 'entraError is for token'],
  ['/faults', { part: 'graph', fault: { kind: 'truncate', isChunked: 1 } }, 'fault.isChunked: not usable'],
  ['/faults', { part: 'graph', fault: { kind: 'hang' }, times: 0.5 }, 'times is a positive whole number'],
  ['/faults', { part: 'graph', fault: { kind: 'hang' }, often: 1 }, 'often: unknown'],
  ['/tokens', { claims: 1 }, 'claims: a JSON object'],
  ['/tokens', { serviceAccount: { namespace: 'soc' } }, 'serviceAccount.serviceAccount: a string'],
] as const

for (const [path, content, message] of bad) {
  test(`POST ${path} of ${JSON.stringify(content)} is told: ${message}`, async () => {
    await using client = await emulatorAndClient()
    const { status, json } = await post(client, path, content)
    assert.equal(status, 400)
    assert.ok(json.error.startsWith(message), json.error)
  })
}

test('any other control path lists the ones there are', async () => {
  await using client = await emulatorAndClient()
  const { status, json } = await client.ask('/_emulator/nothing')
  assert.equal(status, 404)
  assert.match(json.error, /POST \/_emulator\/faults/)
})
