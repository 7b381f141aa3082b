import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Emulator, Fault } from '../../src/emulator/index.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { createForge, type ForgedWorld, publish, startForgedWorld } from './forge.ts'

/** One request to the issuer is one fetch: the keys' address is configured, not discovered. */
const startKeyedWorld = (clock: FakeClock): Promise<ForgedWorld> =>
  startForgedWorld(({ issuer }) => ({ issuers: { oidc: { jwksUri: `${issuer.url}/jwks` } } }), { clock })

function fetches({ logs }: ForgedWorld): number {
  return logs.filter(({ issuer }) => issuer === 'oidc').length
}

const failing =
  (fault: Fault) =>
  (emulator: Emulator): void =>
    emulator.fail('issuer', fault, Infinity)

const outages: readonly (readonly [how: string, begin: (emulator: Emulator) => void])[] = [
  ['resets every connection', failing({ kind: 'reset' })],
  ['answers 500', failing({ kind: 'status', status: 500 })],
  ['publishes no key', (emulator) => publish(emulator, [])],
  ['answers with a page', failing({ kind: 'html' })],
  ['cuts its answers', failing({ kind: 'truncate' })],
  ['redirects', failing({ kind: 'redirect', location: 'https://localhost:1/' })],
  ['never answers', failing({ kind: 'hang' })],
]

for (const [how, begin] of outages) {
  test(`no caller with a known key notices an issuer that for an hour ${how}`, async () => {
    const clock = createFakeClock()
    await using world = await startKeyedWorld(clock)
    const { emulator, forge } = world
    // Our own token outlives the hour.
    emulator.entra.tokenLifetimeSeconds = 86_400
    let serial = 0
    const newToken = (): string => `Bearer ${forge.sign(world.claims({ jti: `${(serial += 1)}` }))}`
    let remembered = newToken()
    assert.equal((await world.askWith(remembered)).status, 200)
    begin(emulator)
    for (let halfMinutes = 1; halfMinutes <= 120; halfMinutes += 1) {
      clock.advance(30_000)
      const fresh = newToken()
      const replies = await Promise.all([remembered, fresh].map((token) => world.askWith(token)))
      assert.deepEqual(
        replies.map(({ status }) => status),
        [200, 200],
        `${halfMinutes / 2} min`,
      )
      remembered = fresh
    }
    assert.match((await world.manage('/readyz')).body, /issuer oidc: keys cannot be fetched/)
    // It comes back with another key, and is heard by itself.
    const next = createForge()
    publish(emulator, [next.publicJwk])
    while (isAiling(world)) {
      const before = fetches(world)
      clock.advance(30_000)
      for (let turns = 0; turns < 200 && fetches(world) === before; turns += 1) await world.manage('/livez')
    }
    assert.equal((await world.askWith(`Bearer ${next.sign(world.claims())}`)).status, 200)
  })
}

function isAiling({ logs }: ForgedWorld): boolean {
  return logs.findLast(({ issuer }) => issuer === 'oidc')?.['msg'] !== 'new issuer keys'
}
