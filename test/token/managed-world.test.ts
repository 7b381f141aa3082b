import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Emulator } from '../../src/emulator/index.ts'
import { until } from '../callers/forge.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import {
  type Line,
  type Reply,
  startWorld,
  type World,
  type WorldOptions,
  workspacePath,
} from '../world/world.ts'

const minuteMs = 60_000
const other = '66666666-2222-3333-4444-555555555555'

interface Managed extends World {
  readonly clock: FakeClock
  /** Reads a session that nobody has read before, with a token of the caller that is valid now. */
  read(): Promise<Reply>
  linesOf(what: string): Line[]
}

async function startManaged({
  assigned = 'system',
  prepare,
  ...options
}: Pick<WorldOptions, 'prepare' | 'mayBeUnready'> & { readonly assigned?: string } = {}): Promise<Managed> {
  const clock = createFakeClock()
  let endpoint = ''
  const world = await startWorld({
    ...options,
    clock,
    async prepare(emulator) {
      endpoint = emulator.imds.url
      await prepare?.(emulator)
    },
    config: () => ({ identity: { credential: { type: 'managed', assigned, endpoint } } }),
  })
  let sessions = 0
  return {
    ...world,
    clock,
    linesOf: (what) => world.logs.filter(({ msg }) => String(msg).startsWith(what)),
    async read() {
      sessions += 1
      const id = `${String(sessions).padStart(8, '0')}-58f5-457f-a18c-4a477890b252`
      const instant = '2026-01-01T00:00:00.00000Z'
      const session = { id, createdDateTime: instant, lastModifiedDateTime: instant, displayName: null }
      world.emulator.graph.put('default', session)
      return world.ask(`${workspacePath}/sessions/${id}`, { token: await world.workloadToken('triage') })
    },
  }
}

/** The token that Graph has seen last. */
function lastToken({ graph }: Emulator): string {
  const { rawHeaders = [] } = graph.requests.at(-1) ?? {}
  const token = rawHeaders[rawHeaders.findIndex((name) => name.toLowerCase() === 'authorization') + 1] ?? ''
  assert.match(token, /^Bearer ey/)
  return token
}

test('a gateway with the machine’s identity reads a session, asks Entra for nothing and tells the token to nobody', async () => {
  await using world = await startManaged()
  assert.equal((await world.read()).status, 200)
  const { entra, imds } = world.emulator
  assert.deepEqual([imds.requests.length, entra.requests.length], [1, 0])
  const [, , signature = 'none'] = lastToken(world.emulator).split('.')
  const told = JSON.stringify([world.logs, world.trail, (await world.manage('/metrics')).body])
  assert.ok(!told.includes(signature))
})

test('a gateway with a user-assigned identity reads a session, whatever else its machine has', async () => {
  await using world = await startManaged({
    assigned: 'user',
    prepare({ imds, entra }) {
      imds.identities = [
        { assigned: 'system', clientId: other },
        { assigned: 'user', clientId: entra.clientId },
      ]
    },
  })
  assert.equal((await world.read()).status, 200)
})

test('a token is renewed before its end, although IMDS gives the one that it keeps until shortly before', async () => {
  await using world = await startManaged()
  await until(world, () => world.linesOf('new app-only token').length === 1)
  assert.equal((await world.read()).status, 200)
  const first = lastToken(world.emulator)
  const startedAt = world.clock.monotonic()
  const endMs = 24 * 60 * minuteMs
  const { imds } = world.emulator
  world.clock.advance(endMs - 10 * minuteMs)
  await until(world, () => world.linesOf('new app-only token').length === 2)
  assert.equal((await world.read()).status, 200)
  assert.equal(lastToken(world.emulator), first, 'IMDS has given the same one')
  // Three quarters of what was left.
  world.clock.advance(7.5 * minuteMs)
  await until(world, () => world.linesOf('new app-only token').length === 3)
  world.clock.advance(startedAt + endMs + minuteMs - world.clock.monotonic())
  assert.equal((await world.read()).status, 200)
  assert.notEqual(lastToken(world.emulator), first)
  assert.equal(imds.requests.length, 3)
})

test('while IMDS fails a token is used on, and the exchange is tried again by us alone', async () => {
  await using world = await startManaged()
  await until(world, () => world.linesOf('new app-only token').length === 1)
  const { emulator, clock } = world
  emulator.fail('imds', { kind: 'status', status: 410 }, Infinity)
  clock.advance(24 * 60 * minuteMs - 10 * minuteMs)
  for (let failures = 1; failures <= 4; failures += 1) {
    await until(world, () => world.linesOf('no new app-only token').length === failures)
    assert.equal(emulator.imds.requests.length, 1 + failures)
    const { retryInMs, msg } = world.linesOf('no new app-only token').at(-1) ?? {}
    assert.match(String(msg), /IMDS answered 410 .*being updated/)
    assert.equal((await world.read()).status, 200)
    if (failures === 4) emulator.recover('imds')
    // No further: at a stroke it would reach the end of the exchange that this begins.
    clock.advance(Number(retryInMs) + 1)
  }
  await until(world, () => world.linesOf('new app-only token').length === 2)
  assert.doesNotMatch((await world.manage('/readyz')).body, /token:/)
})

test('with a token of somebody else the gateway asks Graph for nothing, and says whose it was', async () => {
  await using world = await startManaged({
    mayBeUnready: true,
    prepare: ({ imds }) => (imds.identities = [{ assigned: 'user', clientId: other }]),
  })
  await until(world, () => world.linesOf('no new app-only token').length === 1)
  await until(world, () => world.linesOf('new issuer keys').length === 2)
  const { status, json } = await world.read()
  assert.deepEqual([status, json.error.code, world.emulator.graph.calls], [503, 'tokenUnavailable', 0])
  const [line] = world.linesOf('no new app-only token')
  assert.match(String(line?.['msg']), new RegExp(`token of the application ${other}, .*write assigned: user`))
  assert.doesNotMatch(JSON.stringify(world.logs), /eyJ[\w-]{10,}\./)
})

test('where Graph calls a token invalid and IMDS has no other, IMDS is not asked for each read', async () => {
  await using world = await startManaged()
  assert.equal((await world.read()).status, 200)
  const { emulator, clock } = world
  emulator.entra.revokeTokens()
  for (let reads = 0; reads < 5; reads += 1) assert.equal((await world.read()).status, 502)
  assert.equal(emulator.imds.requests.length, 2)
  emulator.imds.forgetTokens()
  clock.advance(30_000)
  assert.equal((await world.read()).status, 200)
  assert.equal(emulator.imds.requests.length, 3)
})
