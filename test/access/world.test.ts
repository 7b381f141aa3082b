import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import { audience, sessionId, sessionPath, startWorld } from '../world/world.ts'

const guid = '17aafe23-ab95-3b37-9546-56dec5ac0218'
const guidPath = `/beta/security/securityCopilot/workspaces/${guid}/sessions/8d0c6f4b-3e52-4a19-b7c8-5f2e9d1a6037`
const clock = createFakeClock()
const world = await startWorld({
  clock,
  config: {
    access: {
      limited: {
        callers: [{ issuer: 'cluster', namespace: 'soc', serviceAccount: 'limited-*' }],
        workspaces: ['default'],
        rate: '2/m',
      },
      unlimited: {
        callers: [{ issuer: 'cluster', namespace: 'soc', serviceAccount: 'limited-*' }],
        workspaces: ['*'],
      },
      here: {
        callers: [{ issuer: 'cluster', namespace: '*', anyNamespace: true, serviceAccount: 'guest' }],
        workspaces: [guid.toUpperCase()],
      },
    },
  },
})
after(() => world[Symbol.asyncDispose]())
const { emulator } = world
const wallboard = await world.workloadToken('wallboard')
const guest = await emulator.issuer.serviceAccountToken({ namespace: 'x', serviceAccount: 'guest', audience })

test('a caller of no rule is 403, costs no call to Graph, and learns nothing', async () => {
  const calls = emulator.graph.calls
  for (const path of [sessionPath, guidPath, `${sessionPath}?$select=id`]) {
    const reply = await world.ask(path, { token: await world.workloadToken('stranger') })
    assert.equal(reply.status, 403)
    assert.equal(reply.json.error.code, 'accessDenied')
    assert.match(reply.json.error.message, /no access rule lets it read this workspace/)
    assert.doesNotMatch(reply.body, /limited|wallboard|displayName/)
    const record = world.records.at(-1)
    assert.partialDeepStrictEqual(record, {
      status: 403,
      refusal: 'accessDenied',
      serviceAccount: 'stranger',
    })
    assert(!('rule' in (record ?? {})))
  }
  assert.equal(emulator.graph.calls, calls)
})

test('what another caller has brought into the cache is no easier to get at', async () => {
  assert.equal((await world.ask()).status, 200)
  const calls = emulator.graph.calls
  assert.equal((await world.ask()).status, 200)
  assert.equal(emulator.graph.calls, calls, 'it is in the cache')
  for (const token of [wallboard, guest, await world.workloadToken('stranger')]) {
    assert.equal((await world.ask(undefined, { token })).status, 403)
  }
})

test('a rule with select is told what to ask for, and gets it', async () => {
  for (const [query, status] of [
    ['', 403],
    ['?$select=id,displayName,createdDateTime', 403],
    ['?$select=lastModifiedDateTime', 403],
    ['?$select=id,displayName', 200],
    ['?select=ID', 200],
  ] as const) {
    const reply = await world.ask(`${sessionPath}${query}`, { token: wallboard })
    assert.equal(reply.status, status, query)
    assert.equal(world.records.at(-1)?.['rule'], status === 200 ? 'wallboard' : undefined)
    if (status === 403) assert.match(reply.json.error.message, /name them: \$select=id,displayName\.$/)
  }
})

test('a rule for a workspace by its GUID says nothing of default, and its case does not matter', async () => {
  assert.equal((await world.ask(guidPath, { token: guest })).status, 200)
  assert.equal((await world.ask(guidPath.replace(guid, guid.toUpperCase()), { token: guest })).status, 200)
  assert.equal(world.records.at(-1)?.['rule'], 'here')
  assert.equal((await world.ask(undefined, { token: guest })).status, 403)
  const inDefault = `/beta/security/securityCopilot/workspaces/${guid}/sessions/${sessionId}`
  assert.equal((await world.ask(inDefault, { token: wallboard })).status, 403)
})

test('a caller beyond its rate is 429 until the time it is told, hits included, and its rule is recorded', async () => {
  const token = await world.workloadToken('limited-1')
  assert.equal((await world.ask(undefined, { token })).status, 200)
  assert.equal((await world.ask(undefined, { token })).status, 200)
  const calls = emulator.graph.calls
  const reply = await world.ask(undefined, { token })
  assert.equal(reply.status, 429)
  assert.equal(reply.headers['retry-after'], '30')
  assert.equal(reply.json.error.code, 'tooManyRequests')
  assert.equal(reply.headers['proxy-status'], 'session-gateway; error=http_request_denied')
  assert.doesNotMatch(reply.body, /limited/)
  const record = { status: 429, rule: 'limited', refusal: 'tooManyRequests', serviceAccount: 'limited-1' }
  assert.partialDeepStrictEqual(world.records.at(-1), record)
  assert.equal(emulator.graph.calls, calls)

  // Neither another caller of the rule nor another rule of the caller has to wait.
  const other = await world.workloadToken('limited-2')
  assert.equal((await world.ask(undefined, { token: other })).status, 200)
  assert.equal((await world.ask(guidPath, { token })).status, 200)
  assert.equal(world.records.at(-1)?.['rule'], 'unlimited')

  clock.advance(29_999)
  const early = await world.ask(undefined, { token })
  assert.equal(early.status, 429)
  assert.equal(early.headers['retry-after'], '1')
  clock.advance(1)
  assert.equal((await world.ask(undefined, { token })).status, 200)
})
