import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import { type Reply, startWorld } from '../world/world.ts'
import { closeWorld, costOf, placeSession, verdict } from './answers.ts'

const clock = createFakeClock()
const world = await startWorld({ clock })
const { emulator } = world
const replies: Reply[] = []
after(() => closeWorld(world, replies))
// So that each test may force an exchange.
beforeEach(() => clock.advance(31_000))

test('a 401 costs one exchange and one more try with the new token', async () => {
  const { path } = placeSession(world)
  emulator.entra.revokeTokens()
  const seen = emulator.graph.requests.length
  const { result, calls, exchanges } = await costOf(world, () => world.ask(path))
  replies.push(result)
  assert.deepEqual([result.status, calls, exchanges], [200, 2, 1])
  const [before, now] = emulator.graph.requests.slice(seen).map(({ rawHeaders }) => rawHeaders.join())
  assert.notEqual(before, now)
})

test('a second 401 in a row is a 502, and the next exchange is forced no sooner than 30 s after the first', async () => {
  const asked = async (): Promise<{ status: number; calls: number; exchanges: number }> => {
    const { path } = placeSession(world)
    emulator.fail('graph', { kind: 'status', status: 401 }, Infinity)
    const { result, calls, exchanges } = await costOf(world, () => world.ask(path))
    replies.push(result)
    emulator.recover('graph')
    if (result.status !== 200) assert.deepEqual(verdict(result), [502, 'graphRefused', undefined])
    return { status: result.status, calls, exchanges }
  }
  assert.deepEqual(await asked(), { status: 502, calls: 2, exchanges: 1 })
  assert.deepEqual(await asked(), { status: 502, calls: 1, exchanges: 0 })
  clock.advance(29_999)
  assert.deepEqual(await asked(), { status: 502, calls: 1, exchanges: 0 })
  clock.advance(1)
  assert.deepEqual(await asked(), { status: 502, calls: 2, exchanges: 1 })
})

test('a key that met a 401 rests for a second: it is our token that was refused, and not the session', async () => {
  const { path } = placeSession(world)
  emulator.fail('graph', { kind: 'status', status: 401 }, 2)
  assert.equal((await world.ask(path)).status, 502)
  clock.advance(999)
  assert.equal((await costOf(world, () => world.ask(path))).calls, 0)
  clock.advance(1)
  assert.equal((await world.ask(path)).status, 200)
})

test('twenty keys that meet a 401 at once share one exchange, and all are answered', async () => {
  const placed = Array.from({ length: 20 }, () => placeSession(world))
  emulator.entra.revokeTokens()
  const { result, calls, exchanges } = await costOf(world, () =>
    Promise.all(placed.map(({ path }) => world.ask(path))),
  )
  replies.push(...result)
  assert.deepEqual(new Set(result.map(({ status }) => status)), new Set([200]))
  assert.equal(exchanges, 1)
  assert.ok(calls <= 40, String(calls))
})

test('a 403 is a 502 graphRefused: no retry, no exchange, and that key alone is left alone for a while', async () => {
  const [refused, other] = [placeSession(world), placeSession(world)]
  emulator.fail('graph', { kind: 'status', status: 403 })
  const first = await costOf(world, () => world.ask(refused.path))
  assert.deepEqual(
    [...verdict(first.result), first.calls, first.exchanges],
    [502, 'graphRefused', undefined, 1, 0],
  )
  const told = 'session-gateway; error=http_request_denied'
  assert.equal(first.result.headers['proxy-status'], `${told}; received-status=403`)

  clock.advance(9_999)
  const second = await costOf(world, () => world.ask(refused.path))
  assert.deepEqual([...verdict(second.result), second.calls], [502, 'graphRefused', '1', 0])
  assert.equal(second.result.headers['proxy-status'], told)
  replies.push(first.result, second.result)
  assert.equal((await world.ask(other.path)).status, 200)
  // Another $select is another key.
  assert.equal((await world.ask(`${refused.path}?$select=id`)).status, 200)

  clock.advance(1)
  const third = await costOf(world, () => world.ask(refused.path))
  assert.deepEqual([third.result.status, third.calls], [200, 1])
})

test('a 403 leaves our credential in good standing', async () => {
  const { path } = placeSession(world)
  emulator.fail('graph', { kind: 'status', status: 403 })
  const logged = world.logs.length
  replies.push(await world.ask(path))
  assert.deepEqual(await tokenTrouble(), [])
  assert.doesNotMatch(JSON.stringify(world.logs.slice(logged)), /appRoleAssignments/)
})

test('Graph missing our application role is told to the operator with the grant to make', async () => {
  const { path } = placeSession(world)
  emulator.entra.roles = []
  emulator.entra.revokeTokens()
  const logged = world.logs.length
  const { result, calls } = await costOf(world, () => world.ask(path))
  replies.push(result)
  assert.deepEqual(await tokenTrouble(), ['token: roleMissing'])
  // The 401 for the revoked token, and the 403 for the new one.
  assert.deepEqual([...verdict(result), calls], [502, 'graphRefused', undefined, 2])
  const told = world.logs.slice(logged).filter(({ level }) => level === 'error')
  const graphSays = told.find((line) => typeof line['clientRequestId'] === 'string')
  assert.match(graphSays?.['msg'], /SecurityCopilotWorkspaces\.Read\.All.*appRoleAssignments.*f3a4aa61-/s)
  assert.match(graphSays?.['msg'], new RegExp(emulator.entra.clientId))
  assert.doesNotMatch(result.body, /SecurityCopilotWorkspaces|appRole/)

  // The grant is made, and seen without a restart within a minute.
  emulator.entra.roles = ['SecurityCopilotWorkspaces.Read.All']
  const renewed = emulator.reached('token', emulator.entra.requests.length + 1)
  clock.advance(60_000)
  await renewed
  while ((await tokenTrouble()).length > 0);
  assert.equal((await world.ask(path)).status, 200)
})

async function tokenTrouble(): Promise<string[]> {
  const { degraded }: { degraded: string[] } = (await world.manage('/readyz')).json
  return degraded.filter((each) => each.startsWith('token'))
}
