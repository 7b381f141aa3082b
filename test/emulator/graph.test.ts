import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emulatorAndClient, sessionId, sessionPath } from './client.ts'

const documentedSession = {
  id: sessionId,
  createdDateTime: '2025-10-22T20:10:54.4940649Z',
  lastModifiedDateTime: '2025-10-22T20:10:54.4940649Z',
  displayName: 'API: who am I',
}
const context = (shape: string) =>
  `https://graph.microsoft.com/beta/$metadata#security/securityCopilot/workspaces('default')/${shape}`

test('the documented session is answered as documented, in that order', async () => {
  await using client = await emulatorAndClient()
  const { status, body } = await client.graph(sessionPath)
  assert.equal(status, 200)
  const expected = { '@odata.context': context('sessions/$entity'), ...documentedSession }
  assert.equal(body, JSON.stringify(expected))
})

test('the headers are those recorded of Graph', async () => {
  await using client = await emulatorAndClient()
  const { headers } = await client.graph(sessionPath, { headers: { 'client-request-id': 'mine' } })
  assert.equal(
    headers['content-type'],
    'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8',
  )
  assert.equal(headers['cache-control'], 'no-cache')
  assert.equal(headers['odata-version'], '4.0')
  assert.equal(headers['transfer-encoding'], 'chunked')
  assert.equal(headers['content-length'], undefined)
  assert.equal(headers['strict-transport-security'], 'max-age=31536000')
  assert.equal(headers['client-request-id'], 'mine')
  assert.match(String(headers['request-id']), /^[\da-f-]{36}$/)
  assert.ok(JSON.parse(String(headers['x-ms-ags-diagnostic'])).ServerInfo)
  assert.equal(headers['etag'], undefined)
})

test('without a client-request-id of the caller, it is the request-id', async () => {
  await using client = await emulatorAndClient()
  const { headers } = await client.graph(sessionPath)
  assert.equal(headers['client-request-id'], headers['request-id'])
})

test('only who accepts gzip gets it', async () => {
  await using client = await emulatorAndClient()
  const compressed = await client.graph(sessionPath, { headers: { 'accept-encoding': 'gzip, br' } })
  assert.equal(compressed.headers['content-encoding'], 'gzip')
  const plain = await client.graph(sessionPath, { headers: { 'accept-encoding': 'identity' } })
  assert.equal(plain.headers['content-encoding'], undefined)
})

const spellings = [
  `/beta/security/securityCopilot/workspaces('default')/sessions('${sessionId}')`,
  `/beta/security/securityCopilot/workspaces('default')/sessions/${sessionId}`,
  `/beta/SECURITY/securitycopilot/Workspaces/default/Sessions(%27${sessionId}%27)`,
]
for (const path of spellings) {
  test(`${path} is the same session`, async () => {
    await using client = await emulatorAndClient()
    assert.equal((await client.graph(path)).json.id, sessionId)
  })
}

test('a workspace key may hold a quote, a space and a slash', async () => {
  await using client = await emulatorAndClient()
  client.emulator.graph.put("o'neill / co", { ...documentedSession, displayName: 'odd' })
  const path = `/beta/security/securityCopilot/workspaces('${encodeURIComponent("o''neill / co")}')/sessions('${sessionId}')`
  const { json } = await client.graph(path)
  assert.equal(json.displayName, 'odd')
  assert.match(json['@odata.context'], /workspaces\('o''neill%20%2F%20co'\)/)
})

test('$select answers what was asked, without id unless it was asked for', async () => {
  await using client = await emulatorAndClient()
  const one = await client.graph(`${sessionPath}?$select=displayName`)
  assert.deepEqual(one.json, {
    '@odata.context': context('sessions(displayName)/$entity'),
    displayName: 'API: who am I',
  })
  const two = await client.graph(`${sessionPath}?%24select=displayName,%20ID`)
  assert.deepEqual(two.json, {
    '@odata.context': context('sessions(displayName,id)/$entity'),
    id: sessionId,
    displayName: 'API: who am I',
  })
})

test('select is $select, whatever the case', async () => {
  await using client = await emulatorAndClient()
  const { json } = await client.graph(`${sessionPath}?SELECT=DISPLAYNAME`)
  assert.deepEqual(Object.keys(json), ['@odata.context', 'displayName'])
})

const badQueries = [
  [
    '$select=owner',
    "Could not find a property named 'owner' on type 'microsoft.graph.security.securityCopilot.session'.",
  ],
  ['$select=', "Could not find a property named ''"],
  ['$select=id&select=id', 'specified more than once'],
  ['$expand=prompts', "Query option '$expand' is not allowed."],
  ['whatif', "Query option 'whatif' is not allowed."],
] as const
for (const [query, message] of badQueries) {
  test(`?${query} is a bad request`, async () => {
    await using client = await emulatorAndClient()
    const { status, json } = await client.graph(`${sessionPath}?${query}`)
    assert.equal(status, 400)
    assert.equal(json.error.code, 'BadRequest')
    assert.ok(json.error.message.includes(message), json.error.message)
  })
}

test('tips come only in developer mode, and only without $select', async () => {
  await using client = await emulatorAndClient()
  const headers = { prefer: 'return=minimal, ms-graph-dev-mode' }
  const { json } = await client.graph(sessionPath, { headers })
  assert.deepEqual(Object.keys(json).slice(0, 2), ['@odata.context', '@microsoft.graph.tips'])
  const selected = await client.graph(`${sessionPath}?$select=id`, { headers })
  assert.equal('@microsoft.graph.tips' in selected.json, false)
})

test('a caller without a token of this Entra is told so in the envelope of Graph', async () => {
  await using client = await emulatorAndClient({ now: () => Date.UTC(2026, 0, 2, 3, 4, 5) })
  const { status, headers, json } = await client.ask(sessionPath)
  assert.equal(status, 401)
  assert.match(String(headers['www-authenticate']), /^Bearer realm="", authorization_uri=/)
  assert.deepEqual(json, {
    error: {
      code: 'InvalidAuthenticationToken',
      message: 'Access token is empty.',
      innerError: {
        date: '2026-01-02T03:04:05',
        'request-id': headers['request-id'],
        'client-request-id': headers['client-request-id'],
      },
    },
  })
})

test("a token of someone else's is refused", async () => {
  await using client = await emulatorAndClient()
  const caller = await client.emulator.issuer.token()
  const foreign = await client.ask(sessionPath, { headers: { authorization: `Bearer ${caller}` } })
  assert.equal(foreign.status, 401)
  assert.equal(foreign.json.error.message, 'Access token validation failure. Invalid audience.')
  const own = await client.appToken()
  const forged = await client.ask(sessionPath, {
    headers: { authorization: `Bearer ${own.slice(0, -8)}AAAAAAAA` },
  })
  assert.deepEqual([forged.status, forged.json.error.code], [401, 'InvalidAuthenticationToken'])
  const basic = await client.ask(sessionPath, { headers: { authorization: `Basic ${own}` } })
  assert.equal(basic.status, 401)
})

test('a token is refused from the moment it expires', async () => {
  let now = 1_700_000_000_000
  await using client = await emulatorAndClient({ now: () => now })
  const headers = { authorization: `Bearer ${await client.appToken()}` }
  now += 3_598_999
  assert.equal((await client.ask(sessionPath, { headers })).status, 200)
  now += 1
  const { status, json } = await client.ask(sessionPath, { headers })
  assert.equal(status, 401)
  assert.equal(json.error.message, 'Lifetime validation failed, the token is expired.')
})

test('a token without the app role is forbidden everything', async () => {
  await using client = await emulatorAndClient()
  client.emulator.entra.roles = ['User.Read.All', 'Group.Read.All']
  const { status, json } = await client.graph(sessionPath)
  assert.deepEqual([status, json.error.code], [403, 'Forbidden'])
  assert.equal(
    json.error.message,
    'Missing application roles. API required roles: SecurityCopilotWorkspaces.Read.All, application roles: User.Read.All,Group.Read.All.',
  )
})

test('a session that is not there is not found, nor is one of another workspace', async () => {
  await using client = await emulatorAndClient()
  const elsewhere = sessionPath.replace('default', '17aafe23-ab95-3b37-9546-56dec5ac0218')
  for (const path of [elsewhere, `${sessionPath}0`, sessionPath.replace('default', 'none')]) {
    const { status, json } = await client.graph(path)
    assert.deepEqual([status, json.error.code], [404, 'ResourceNotFound'])
  }
})

test('a session appears, changes and disappears', async () => {
  await using client = await emulatorAndClient()
  const { graph } = client.emulator
  graph.put('default', { ...documentedSession, displayName: null })
  assert.equal((await client.graph(sessionPath)).json.displayName, null)
  graph.remove('default', sessionId)
  assert.equal((await client.graph(sessionPath)).status, 404)
})

const elsewhere = [
  ['/beta/users', 'users'],
  ['/beta/security/alerts', 'alerts'],
  ['/beta/security/securityCopilot', 'securityCopilot'],
  ['/beta/security/securityCopilot/sessions', 'sessions'],
  ['/beta/security/securityCopilot/workspaces/default', 'default'],
  ["/beta/security/securityCopilot/workspaces('')/sessions", ''],
  ['/beta/security/securityCopilot/workspaces/default/plugins/Entra', 'Entra'],
  [`${sessionPath}/`, ''],
  [`${sessionPath}/evaluations`, 'evaluations'],
  [`${sessionPath}/prompts/x/evaluations/y/z`, 'z'],
] as const
for (const [path, segment] of elsewhere) {
  test(`${path} leads nowhere`, async () => {
    await using client = await emulatorAndClient()
    const { status, json } = await client.graph(path)
    assert.deepEqual([status, json.error.message], [400, `Resource not found for the segment '${segment}'.`])
  })
}

for (const method of ['POST', 'PATCH', 'DELETE', 'HEAD'] as const) {
  test(`${method} of a session is not allowed`, async () => {
    await using client = await emulatorAndClient()
    const { status, headers } = await client.graph(sessionPath, { method })
    assert.deepEqual([status, headers['allow']], [405, 'GET'])
  })
}

test('every request is counted and recorded, the refused ones too', async () => {
  await using client = await emulatorAndClient()
  await client.ask(`${sessionPath}?$select=%69d`, { headers: { 'X-Mine': 'yes' } })
  await client.graph(sessionPath)
  const { graph } = client.emulator
  assert.equal(graph.calls, 2)
  const [first] = graph.requests
  assert.equal(first?.target, `${sessionPath}?$select=%69d`)
  assert.equal(first.method, 'GET')
  assert.ok(first.rawHeaders.includes('X-Mine'))
})
