import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import { startWorld } from '../world/world.ts'

test('the operator reads what failed and what to do, at every level of log, and never a secret or a token', async () => {
  const clock = createFakeClock()
  await using world = await startWorld({
    clock,
    mayBeUnready: true,
    prepare: (emulator) => {
      emulator.fail('token', { kind: 'entraError', aadsts: 7000222 })
      emulator.fail('token', { kind: 'status', status: 429, code: 'plain', retryAfter: '30' })
    },
  })
  const { emulator } = world
  await emulator.reached('token', 1)
  const failures = (): string[] =>
    world.logs.flatMap(({ msg }) => (String(msg).startsWith('no new app-only token') ? [String(msg)] : []))
  const until = async (condition: () => boolean): Promise<void> => {
    // Each round is a real answer of the management port.
    while (!condition()) await world.manage('/livez')
  }
  await until(() => failures().length === 1)
  assert.match(failures()[0] ?? '', /7000222.*What to do: the client secret has expired/)
  const reply = await world.ask()
  assert.deepEqual([reply.status, reply.json.error.code, emulator.graph.calls], [503, 'tokenUnavailable', 0])
  assert.doesNotMatch(reply.body, /AADSTS|expired/)

  clock.advance(1_000)
  await until(() => failures().length === 2)
  assert.match(failures()[1] ?? '', /429/)
  assert.equal((await world.ask()).headers['retry-after'], '30')
  clock.advance(30_000)
  await until(() => emulator.entra.exchanges === 1)
  await until(() => world.logs.some(({ msg }) => msg === 'new app-only token'))
  assert.equal((await world.ask()).status, 200)

  const [sent] = emulator.graph.requests
  const token = sent?.rawHeaders.find((value) => value.startsWith('Bearer '))?.slice('Bearer '.length) ?? ''
  const everything = JSON.stringify([world.logs, world.records])
  for (const canary of [emulator.entra.clientSecret, token, token.split('.')[2] ?? '']) {
    assert.ok(canary.length > 20)
    assert.ok(!everything.includes(canary))
  }
})
