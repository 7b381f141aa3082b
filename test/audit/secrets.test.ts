import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Fault } from '../../src/emulator/index.ts'
import { sendRaw } from '../world/raw.ts'
import { audience, type Reply, sessionId, sessionPath, startWorld, type World } from '../world/world.ts'

const displayName = 'CANARY: a name that says too much'

/** Everything that the gateway has said, but for the answers that are the session itself. */
async function everythingSaid(world: World, replies: readonly Reply[]): Promise<string> {
  const { body: metrics } = await world.manage('/metrics')
  const refusals = replies.filter(({ status }) => status !== 200)
  const readiness = await world.manage('/readyz')
  return JSON.stringify([world.records, world.logs, metrics, readiness.json, refusals])
}

/** A token whole, and each part of it that is worth something. */
function partsOf(token: string): string[] {
  const [, payload = '', signature = ''] = token.split('.')
  return [token, payload, signature].filter((part) => part.length > 20)
}

describe('no record, log line, metric or refusal holds', async () => {
  await using world = await startWorld({ config: { log: { level: 'trace' } } })
  const { emulator, port, ca } = world
  const replies: Reply[] = []
  const callersTokens: string[] = []
  const session = (id: string): string => sessionPath.replace(sessionId, id)
  const newId = (): string => {
    const id = crypto.randomUUID()
    emulator.graph.put('default', {
      id,
      createdDateTime: '2026-01-01T00:00:00Z',
      lastModifiedDateTime: '2026-01-01T00:00:00Z',
      displayName,
    })
    return id
  }
  const ask = async (...asking: Parameters<World['ask']>): Promise<number> => {
    const { token } = asking[1] ?? {}
    if (typeof token === 'string') callersTokens.push(token)
    const reply = await world.ask(...asking)
    replies.push(reply)
    return reply.status
  }

  // Callers' tokens, good and bad, in and out of place.
  const { issuer } = emulator
  const triage = await world.workloadToken('triage')
  const reader = await issuer.token({ sub: 'reader', aud: audience })
  const id = newId()
  assert.equal(await ask(session(id), { token: triage }), 200)
  assert.equal(await ask(session(id), { token: triage }), 200)
  assert.equal(await ask(session(id), { token: reader, method: 'HEAD' }), 200)
  assert.equal(await ask(session(id), { token: await world.workloadToken('intern') }), 403)
  assert.equal(await ask(session(id), { token: await issuer.token({ sub: 'reader', aud: 'another' }) }), 401)
  const expired = await issuer.token({ sub: 'reader', aud: audience }, { expiresInSeconds: -600 })
  assert.equal(await ask(session(id), { token: expired }), 401)
  assert.equal(await ask(session(id), { token: `${reader.slice(0, -8)}AAAAAAAA` }), 401)
  assert.equal(await ask(session(id), { token: await issuer.token({ iss: 'https://nobody' }) }), 401)
  assert.equal(
    await ask(session(id), { token: await issuer.token({ aud: audience }, { header: { typ: 'JOSE+x' } }) }),
    401,
  )
  assert.equal(
    await ask(session(id), { token: await issuer.token({ aud: audience }, { header: { kid: 'x' } }) }),
    401,
  )
  assert.equal(await ask(session(id), { token: triage.replaceAll('.', '~') }), 401)
  assert.equal(await ask(session(id), { token: null, headers: { authorization: `Basic ${triage}` } }), 401)
  assert.equal(await ask(`${session(id)}?access_token=${triage}`, { token: triage }), 400)
  assert.equal(await ask(`${session(id)}/${triage}`, { token: triage }), 404)
  assert.equal(await ask(session(triage.slice(0, 200)), { token: triage }), 400)
  assert.equal(await ask(session(id), { token: triage, method: 'POST' }), 405)
  assert.equal(await ask(session(id), { token: triage, headers: { 'client-request-id': triage } }), 200)
  const raw = `Authorization: Bearer ${triage}\r\n`
  for (const lines of [
    `${raw}${raw}`,
    `${raw}Host: again\r\n`,
    `${raw}Content-Length: 3\r\n`,
    `${raw}X: \0\r\n`,
  ]) {
    const { text } = await sendRaw(`GET ${session(id)} HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n`, {
      port,
      ca,
    })
    assert.match(text, /^HTTP\/1\.1 400/)
    replies.push({ status: 400, headers: {}, body: text, json: undefined })
  }

  // Graph and Entra at fault.
  const faults: readonly [Fault, status: number][] = [
    [{ kind: 'status', status: 403 }, 502],
    [{ kind: 'status', status: 400 }, 502],
    [{ kind: 'extra' }, 502],
    [{ kind: 'otherId' }, 502],
    [{ kind: 'truncate' }, 502],
    [{ kind: 'html' }, 502],
    [{ kind: 'redirect', location: 'https://elsewhere.example/' }, 502],
    [{ kind: 'reset' }, 200],
    [{ kind: 'status', status: 500 }, 200],
    [{ kind: 'status', status: 401 }, 200],
  ]
  for (const [fault, status] of faults) {
    emulator.fail('graph', fault)
    assert.equal(await ask(`${session(newId())}?$select=displayName`, { token: triage }), status, fault.kind)
  }
  emulator.fail('token', { kind: 'entraError', aadsts: 7000215 }, Infinity)
  emulator.fail('graph', { kind: 'status', status: 401 }, Infinity)
  assert.notEqual(await ask(session(newId()), { token: triage }), 200)
  emulator.fail('graph', { kind: 'status', status: 429, retryAfter: '30' })
  assert.notEqual(await ask(session(newId()), { token: triage }), 200)
  const appTokens = emulator.graph.requests.map(
    ({ rawHeaders }) => rawHeaders[rawHeaders.indexOf('authorization') + 1]?.replace('Bearer ', '') ?? '',
  )

  const said = await everythingSaid(world, replies)

  test('a session’s display name', () => {
    assert.ok(replies.some(({ status, body }) => status === 200 && body.includes(displayName)))
    assert.ok(!said.includes('CANARY'))
  })
  test('a caller’s token', () => {
    assert.ok(callersTokens.length > 15)
    for (const part of new Set(callersTokens.flatMap(partsOf))) assert.ok(!said.includes(part), part)
    // Nor as much of it as a bound on length would leave.
    for (const token of callersTokens) assert.ok(!said.includes(token.slice(0, 200)), token)
  })
  test('an app-only token', () => {
    assert.ok(appTokens.length > 10 && appTokens.every((token) => token.split('.').length === 3))
    for (const part of new Set(appTokens.flatMap(partsOf))) assert.ok(!said.includes(part), part)
  })
  test('the client secret, or the gateway’s own pod token', () => {
    assert.ok(!said.includes(emulator.entra.clientSecret))
    for (const part of partsOf(emulator.cluster.podToken)) assert.ok(!said.includes(part), part)
  })
})

describe('with a federated credential, a signing key and a file of records, none of them holds', async () => {
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
  let assertion = ''
  const exchanged = 'api://AzureADTokenExchange'
  await using world = await startWorld({
    mayBeUnready: true,
    config: (inFolder) => {
      writeFileSync(inFolder('audit.key'), key)
      return {
        log: { level: 'trace' },
        identity: { credential: { type: 'federated', tokenFile: inFolder('assertion') } },
        audit: { sink: { file: inFolder('audit.jsonl') }, signingKeyFile: inFolder('audit.key') },
      }
    },
    async prepare({ entra, issuer }) {
      const subject = 'system:serviceaccount:soc:gateway'
      entra.trustFederated({ issuer: issuer.url, subject, audience: exchanged })
      assertion = await issuer.token({ sub: subject, aud: exchanged })
    },
  })
  const { emulator, folder } = world
  const tokenFile = join(folder, 'assertion')
  const person = {
    name: 'CANARY Person',
    preferred_username: 'CANARY@example.com',
    email: 'CANARY@example.com',
  }
  const token = await emulator.issuer.token({ sub: 'reader', aud: audience, ...person })
  const replies: Reply[] = []
  // Without its file, with one that Entra refuses, and with the one that works.
  const refused = await emulator.issuer.token({ sub: 'nobody', aud: exchanged })
  for (const content of [undefined, refused, assertion]) {
    if (content !== undefined) writeFileSync(tokenFile, content)
    for (;;) {
      const reply = await world.ask(sessionPath, { token })
      replies.push(reply)
      const isAsWanted = content === assertion ? reply.status === 200 : reply.status === 503
      if (isAsWanted) break
    }
  }
  emulator.fail('graph', { kind: 'status', status: 403 })
  replies.push(await world.ask(`${sessionPath}?$select=id`, { token }))
  await world.gateway.drain()
  const file = readFileSync(join(folder, 'audit.jsonl'), 'utf8')
  const said = JSON.stringify([file, world.logs, replies.filter(({ status }) => status !== 200)])

  test('the assertion, nor what it was exchanged for', () => {
    assert.match(file, /"status_code":"200"/)
    assert.match(file, /"signatures":\[/)
    const [app = ''] = emulator.graph.requests.map(
      ({ rawHeaders }) => rawHeaders[rawHeaders.indexOf('authorization') + 1]?.replace('Bearer ', '') ?? '',
    )
    assert.equal(app.split('.').length, 3)
    for (const part of [assertion, refused, app, token].flatMap(partsOf))
      assert.ok(!said.includes(part), part)
  })
  test('the signing key', () => {
    const [, secret = ''] = key.split('\n')
    assert.ok(secret.length > 40 && !said.includes(secret))
  })
  test('the name or the address of a person, which a token may bring', () => {
    assert.ok(!said.includes('CANARY'))
  })
})
