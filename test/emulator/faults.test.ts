import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault, PartName } from '../../src/emulator/index.ts'
import { emulatorAndClient, sessionId, sessionPath } from './client.ts'
import type { Client, Reply } from './client.ts'

const asking: Record<PartName, (client: Client) => Promise<Reply>> = {
  graph: (client) => client.graph(sessionPath),
  token: (client) => client.exchange(),
  issuer: (client) => client.ask('/issuer/jwks'),
  cluster: (client) =>
    client.ask('/cluster/openid/v1/jwks', {
      headers: { authorization: `Bearer ${client.emulator.cluster.podToken}` },
    }),
  imds: (client) => client.machineToken(),
}
const everyPart = ['graph', 'token', 'issuer', 'cluster', 'imds'] as const

for (const part of everyPart) {
  const ask = asking[part]

  test(`${part}: a fault meets the next request, and no other`, async () => {
    await using client = await emulatorAndClient()
    client.emulator.fail(part, { kind: 'status', status: 503, retryAfter: '2.128' })
    const { status, headers } = await ask(client)
    assert.deepEqual([status, headers['retry-after']], [503, '2.128'])
    assert.equal((await ask(client)).status, 200)
  })

  test(`${part}: a reset leaves the client without an answer`, async () => {
    await using client = await emulatorAndClient()
    client.emulator.fail(part, { kind: 'reset' })
    await assert.rejects(ask(client), { code: 'ECONNRESET' })
    assert.equal((await ask(client)).status, 200)
  })

  test(`${part}: a truncated answer breaks off after its headers`, async () => {
    await using client = await emulatorAndClient()
    client.emulator.fail(part, { kind: 'truncate' })
    await assert.rejects(ask(client), { code: 'UND_ERR_SOCKET' })
  })

  test(`${part}: an answer is held until the test lets it go`, async () => {
    await using client = await emulatorAndClient()
    const { promise, resolve } = Promise.withResolvers<string>()
    client.emulator.fail(part, { kind: 'hold', until: promise })
    let isAnswered = false
    const held = ask(client).finally(() => {
      isAnswered = true
    })
    await client.emulator.reached(part, 1)
    assert.equal((await ask(client)).status, 200)
    assert.equal(isAnswered, false)
    resolve('go')
    assert.equal((await held).status, 200)
  })

  test(`${part}: a page of HTML, a redirect, anything at all`, async () => {
    await using client = await emulatorAndClient()
    client.emulator.fail(part, { kind: 'html', status: 502 })
    const page = await ask(client)
    assert.deepEqual([page.status, page.headers['content-type']], [502, 'text/html'])
    client.emulator.fail(part, { kind: 'redirect', location: 'https://elsewhere.example/', status: 307 })
    const redirect = await ask(client)
    assert.deepEqual([redirect.status, redirect.headers['location']], [307, 'https://elsewhere.example/'])
    client.emulator.fail(part, { kind: 'body', status: 418, headers: { 'X-Odd': '1' }, body: 'tea' })
    const odd = await ask(client)
    assert.deepEqual([odd.status, odd.headers['x-odd'], odd.body], [418, '1', 'tea'])
  })
}

test('a held answer comes although the promise was rejected', async () => {
  await using client = await emulatorAndClient()
  client.emulator.fail('issuer', { kind: 'hold', until: Promise.reject(new Error('no matter')) })
  assert.equal((await asking.issuer(client)).status, 200)
})

test('a dripping answer is a proper one, byte by byte, and ends with its client', async () => {
  await using client = await emulatorAndClient()
  client.emulator.fail('graph', { kind: 'drip', everyMs: 0 })
  assert.ok((await client.graph(sessionPath)).json.id)
  client.emulator.fail('graph', { kind: 'drip', everyMs: 2 ** 30 })
  const waits = client.graph(sessionPath)
  await client.emulator.reached('graph', 2)
  await client.emulator.close()
  await assert.rejects(waits)
})

test('a delayed answer is a proper one', async () => {
  await using client = await emulatorAndClient()
  client.emulator.fail('issuer', { kind: 'delay', ms: 1 })
  assert.ok((await asking.issuer(client)).json.keys)
})

test('a part that hangs answers nobody, and closing the emulator ends the wait', async () => {
  await using client = await emulatorAndClient()
  client.emulator.fail('graph', { kind: 'hang' }, Infinity)
  const waits = [client.graph(sessionPath), client.graph(sessionPath)]
  await client.emulator.reached('graph', 2)
  await client.emulator.close()
  for (const { status } of await Promise.allSettled(waits)) assert.equal(status, 'rejected')
})

test('closing does not wait for held or delayed answers', async () => {
  await using client = await emulatorAndClient()
  client.emulator.fail('graph', { kind: 'hold', until: new Promise(() => undefined) })
  client.emulator.fail('graph', { kind: 'delay', ms: 2 ** 30 })
  const waits = [client.graph(sessionPath), client.graph(sessionPath)]
  await client.emulator.reached('graph', 2)
  await client.emulator.close()
  for (const { status } of await Promise.allSettled(waits)) assert.equal(status, 'rejected')
})

test('Graph words its errors in its envelope', async () => {
  await using client = await emulatorAndClient()
  client.emulator.fail('graph', { kind: 'status', status: 429, retryAfter: '0.249' })
  const throttled = await client.graph(sessionPath)
  assert.equal(throttled.json.error.code, 'TooManyRequests')
  assert.equal(throttled.json.error.innerError.code, '429')
  assert.ok(throttled.json.error.innerError['request-id'])
  client.emulator.fail('graph', { kind: 'status', status: 500, code: 'UnknownError', message: '' })
  const failed = await client.graph(sessionPath)
  assert.deepEqual([failed.json.error.code, failed.json.error.message], ['UnknownError', ''])
  client.emulator.fail('graph', { kind: 'status', status: 401 })
  assert.ok((await client.graph(sessionPath)).headers['www-authenticate'])
})

test('Entra words its errors as AADSTS, and throttling may be plain', async () => {
  await using client = await emulatorAndClient()
  client.emulator.fail('token', { kind: 'entraError', aadsts: 7000222 })
  const expired = await client.exchange()
  assert.deepEqual([expired.status, expired.json.error], [401, 'invalid_client'])
  assert.match(
    expired.json.error_description,
    /^AADSTS7000222: .+ Trace ID: .+ Correlation ID: .+ Timestamp: /,
  )
  client.emulator.fail('token', { kind: 'entraError', aadsts: 90033 })
  const transient = await client.exchange()
  assert.deepEqual([transient.status, transient.json.error], [503, 'temporarily_unavailable'])
  client.emulator.fail('token', { kind: 'status', status: 429, retryAfter: '60', code: 'plain' })
  const plain = await client.exchange()
  assert.deepEqual([plain.body, plain.headers['retry-after']], ['Too Many Requests', '60'])
  assert.equal(client.emulator.entra.exchanges, 0)
})

test("another session's id comes in a 200, whether or not id was asked for", async () => {
  await using client = await emulatorAndClient()
  client.emulator.fail('graph', { kind: 'otherId' }, 2)
  for (const query of ['', '?$select=displayName']) {
    const { status, json } = await client.graph(sessionPath + query)
    assert.equal(status, 200)
    assert.match(json.id, /^[\da-f-]{36}$/)
    assert.notEqual(json.id, sessionId)
  }
})

test('one property more than asked comes in a 200', async () => {
  await using client = await emulatorAndClient()
  client.emulator.fail('graph', { kind: 'extra' }, 2)
  const selected = await client.graph(`${sessionPath}?$select=id,displayName`)
  assert.deepEqual(Object.keys(selected.json), ['@odata.context', 'id', 'createdDateTime', 'displayName'])
  const whole = await client.graph(sessionPath)
  assert.equal(Object.keys(whole.json).length, 6)
})

test('a request that meets a fault is a call all the same', async () => {
  await using client = await emulatorAndClient()
  const faults: Fault[] = [{ kind: 'reset' }, { kind: 'status', status: 500 }]
  for (const fault of faults) client.emulator.fail('graph', fault)
  await client.graph(sessionPath).catch(() => undefined)
  await client.graph(sessionPath)
  assert.equal(client.emulator.graph.calls, 2)
  assert.equal(client.emulator.graph.requests.length, 2)
})

test('faults queue, and a new one ends one without end', async () => {
  await using client = await emulatorAndClient()
  const { emulator } = client
  emulator.fail('issuer', { kind: 'status', status: 500 }, 2)
  emulator.fail('issuer', { kind: 'status', status: 501 })
  const statuses = []
  for (let request = 0; request < 4; request++) statuses.push((await asking.issuer(client)).status)
  assert.deepEqual(statuses, [500, 500, 501, 200])
  emulator.fail('issuer', { kind: 'status', status: 500 }, Infinity)
  assert.equal((await asking.issuer(client)).status, 500)
  emulator.fail('issuer', { kind: 'status', status: 502 })
  assert.equal((await asking.issuer(client)).status, 502)
  assert.equal((await asking.issuer(client)).status, 200)
})

test('recovering ends the faults of one part and keeps the counters', async () => {
  await using client = await emulatorAndClient()
  const { emulator } = client
  emulator.fail('issuer', { kind: 'status', status: 500 }, Infinity)
  emulator.fail('graph', { kind: 'status', status: 500 }, Infinity)
  await asking.issuer(client)
  emulator.recover('issuer')
  assert.equal((await asking.issuer(client)).status, 200)
  assert.equal(emulator.issuer.jwksRequests, 2)
  assert.equal((await asking.graph(client)).status, 500)
})

test('a reset forgets faults, counters and requests, and nothing else', async () => {
  await using client = await emulatorAndClient()
  const { emulator } = client
  const headers = { authorization: `Bearer ${await client.appToken()}` }
  for (const part of everyPart) {
    await asking[part](client)
    emulator.fail(part, { kind: 'status', status: 500 }, Infinity)
  }
  emulator.reset()
  assert.deepEqual(
    [emulator.graph.calls, emulator.graph.requests.length, emulator.entra.exchanges],
    [0, 0, 0],
  )
  assert.deepEqual([emulator.entra.requests.length, emulator.issuer.jwksRequests], [0, 0])
  assert.deepEqual([emulator.cluster.requests, emulator.imds.requests.length], [0, 0])
  assert.equal((await client.ask(sessionPath, { headers })).status, 200)
})

test('a fault that a part cannot have is refused at once', async () => {
  await using client = await emulatorAndClient()
  const { emulator } = client
  assert.throws(() => emulator.fail('graph', { kind: 'entraError', aadsts: 1 }), TypeError)
  assert.throws(() => emulator.fail('token', { kind: 'otherId' }), TypeError)
  assert.throws(() => emulator.fail('graph', { kind: 'hang' }, 0), TypeError)
})
