import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRoleReports, neededRole } from '../../src/token/index.ts'
import { until } from '../callers/forge.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { sessionPath, startWorld, type World } from '../world/world.ts'

const minuteMs = 60_000
const clientId = '00001111-aaaa-2222-bbbb-3333cccc4444'

interface Reporting {
  readonly clock: FakeClock
  /** Lines about a token with these roles. */
  readonly say: (...roles: string[]) => string[]
}

function reporting(type = 'federated'): Reporting {
  const clock = createFakeClock()
  const reportsOf = createRoleReports({ clientId, credential: { type } }, clock.monotonic)
  return { clock, say: (...roles) => reportsOf(roles).map(({ level, message }) => `${level}: ${message}`) }
}

test('a token with the one role that is needed is no news', () => {
  const { say } = reporting()
  assert.deepEqual([say(neededRole), say(neededRole)], [[], []])
})

test('a missing role is named with the one command that grants it', () => {
  const [line = '', ...more] = reporting().say()
  assert.deepEqual(more, [])
  assert.match(line, /^error: .*lacks the role SecurityCopilotWorkspaces\.Read\.All/)
  // As a shell would see it: no blank is left to be filled in.
  const command = /az rest --method POST .*?\}'(?=\.)/.exec(line)?.[0] ?? ''
  assert.ok(command.includes(`/servicePrincipals(appId='${clientId}')/appRoleAssignments"`), command)
  assert.ok(
    command.includes(`"principalId":"'"$(az ad sp show --id ${clientId} --query id -o tsv)"'"`),
    command,
  )
  assert.ok(command.includes('"appRoleId":"f3a4aa61-e12b-4725-9032-0d80ca254c0c"'), command)
  assert.doesNotMatch(command, /</)
})

test('a role granted to a managed identity is seen when IMDS gives another token, and not within the minute', () => {
  const [line = ''] = reporting('managed').say()
  assert.match(line, /az rest --method POST .*IMDS keeps the token of a managed identity for up to 24 hours/)
  assert.doesNotMatch(line, /within a minute/)
})

test('a missing role is said once, again after ten minutes, and at once when the roles change', () => {
  const { clock, say } = reporting()
  assert.equal(say().length, 1)
  for (let minutes = 1; minutes < 10; minutes += 1) {
    clock.advance(minuteMs)
    assert.deepEqual(say(), [], `${minutes} min`)
  }
  clock.advance(minuteMs)
  assert.equal(say().length, 1)
  clock.advance(minuteMs)
  assert.equal(say('Mail.Read').length, 2, 'the missing one, and the needless one')
  assert.deepEqual(say('Mail.Read'), [])
  assert.deepEqual(say(neededRole), [])
  assert.equal(say().length, 1, 'it was there in between')
})

test('roles that are not needed are named once, with how to remove them, and again only when they change', () => {
  const { clock, say } = reporting()
  const [line = '', ...more] = say('User.Read.All', neededRole, 'Mail.Read', 'Mail.Read')
  assert.deepEqual(more, [])
  assert.match(line, /^warn: .*more than the gateway needs: Mail\.Read, User\.Read\.All\. /)
  assert.match(line, /az rest --method DELETE --url "\S+\/appRoleAssignedTo\/<id>"/)
  clock.advance(24 * 60 * minuteMs)
  assert.deepEqual(say('Mail.Read', neededRole, 'User.Read.All'), [], 'the same ones in another order')
  assert.match(say('Mail.Read', neededRole)[0] ?? '', /needs: Mail\.Read\. /)
  assert.deepEqual(say(neededRole), [])
  assert.equal(say('Mail.Read', neededRole).length, 1)
})

const linesOf = ({ logs }: World, level: string): string[] =>
  logs.flatMap((line) => (line['level'] === level ? [String(line['msg'])] : []))

test('a role that is granted takes effect within a minute and without a restart, and the log is not filled until then', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({ clock, prepare: ({ entra }) => (entra.roles = []) })
  const { entra } = world.emulator
  // Minutes that pass at a stroke may end a fetch of keys under way, which is an error of its own.
  const said = (): number =>
    linesOf(world, 'error').filter((line) => line.includes(`lacks the role ${neededRole}`)).length
  await until(world, () => said() === 1)
  assert.match((await world.manage('/readyz')).body, /token: roleMissing/)
  assert.equal(await metric(world, 'app_token_role_missing'), 1)
  const exchanged = async (): Promise<number> => {
    const { body } = await world.manage('/metrics')
    return Number(/token_exchanges_total\{result="success"\} (\d+)/.exec(body)?.[1])
  }
  for (let minutes = 1; minutes <= 5; minutes += 1) {
    clock.advance(minuteMs)
    while ((await exchanged()) < minutes + 1) await world.manage('/livez')
  }
  assert.equal(said(), 1)
  assert.equal((await world.ask()).status, 502)
  entra.roles = [neededRole]
  clock.advance(minuteMs)
  await until(world, () => linesOf(world, 'info').includes('new app-only token'))
  assert.doesNotMatch((await world.manage('/readyz')).body, /token:/)
  assert.equal(await metric(world, 'app_token_role_missing'), 0)
  assert.equal(await metric(world, 'app_token_needless_roles'), 0)
  assert.equal((await world.ask(`${sessionPath}?$select=id`)).status, 200)
})

async function metric(world: World, name: string): Promise<number> {
  const { body } = await world.manage('/metrics')
  return Number(new RegExp(`^session_gateway_${name} (.*)$`, 'm').exec(body)?.[1])
}

test('a gateway that may do too much says so once, and reads all the same', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({
    clock,
    prepare: ({ entra }) => (entra.roles = [neededRole, 'Mail.ReadWrite']),
  })
  const tokens = (): number => linesOf(world, 'info').filter((line) => line === 'new app-only token').length
  for (const exchanges of [1, 2, 3]) {
    await until(world, () => tokens() === exchanges)
    assert.equal(linesOf(world, 'warn').filter((line) => line.includes('Mail.ReadWrite')).length, 1)
    assert.equal(await metric(world, 'app_token_needless_roles'), 1)
    const leftMs = (await metric(world, 'app_token_expiry_timestamp_seconds')) * 1000 - clock.now()
    assert.ok(leftMs > 59 * minuteMs && leftMs <= 60 * minuteMs, `${leftMs} ms`)
    const token = await world.workloadToken('triage')
    assert.equal((await world.ask(undefined, { token })).status, 200)
    clock.advance(50 * minuteMs)
  }
})
