/** What the tests of the door to Graph share: sessions of their own, Graph's words, and a search for leaks. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { until } from '../security/wire.ts'
import { type Reply, type World, workspacePath } from '../world/world.ts'

export interface Placed {
  readonly id: string
  readonly path: string
}

/** A session that no other test asks for. */
export function placeSession({ emulator }: World, id: string = randomUUID()): Placed {
  emulator.graph.put('default', {
    id,
    createdDateTime: '2026-01-01T00:00:00Z',
    lastModifiedDateTime: '2026-01-01T00:00:00Z',
    displayName: 'placed',
  })
  return { id, path: `${workspacePath}/sessions/${id}` }
}

/** Graph calls and exchanges that `action` cost. */
export async function costOf<T>(
  { emulator }: World,
  action: () => Promise<T>,
): Promise<{ result: T; calls: number; exchanges: number }> {
  const before = { calls: emulator.graph.calls, exchanges: emulator.entra.exchanges }
  const result = await action()
  return {
    result,
    calls: emulator.graph.calls - before.calls,
    exchanges: emulator.entra.exchanges - before.exchanges,
  }
}

/** Until so many trips wait for their turn. */
export async function untilWaiting(world: World, trips: number): Promise<void> {
  const wanted = new RegExp(`^session_gateway_graph_waiting ${trips}$`, 'm')
  await until(`${trips} waiting`, async () => wanted.test((await world.manage('/metrics')).body))
}

/** Status, `error.code` and `Retry-After`. */
export function verdict(
  reply: Reply,
): readonly [status: number, code: string | undefined, retryAfter: unknown] {
  return [
    reply.status,
    reply.status === 200 ? undefined : reply.json.error.code,
    reply.headers['retry-after'],
  ]
}

/** Fails when an app-only token that Graph has seen, or the client secret, is in a log, a record or an answer. */
function assertNothingLeaked(world: World, replies: readonly Reply[]): void {
  const { emulator, logs, records } = world
  const tokens = new Set(
    emulator.graph.requests.map(({ rawHeaders }) => {
      const at = rawHeaders.findIndex((name) => name.toLowerCase() === 'authorization')
      return rawHeaders[at + 1]?.replace('Bearer ', '') ?? ''
    }),
  )
  assert.ok(tokens.size > 0)
  assert.ok(logs.length > 0)
  const told = JSON.stringify([logs, records, replies.map(({ headers, body }) => [headers, body])])
  for (const secret of [...tokens, emulator.entra.clientSecret]) {
    assert.ok(secret.length > 20)
    // A token's signature alone is enough to know it by.
    assert.ok(!told.includes(secret.split('.').at(-1) ?? secret), 'a secret was told')
  }
}

/** Ends the world, and looks through what it leaves. */
export async function closeWorld(world: World, replies: readonly Reply[]): Promise<void> {
  try {
    assertNothingLeaked(world, replies)
  } finally {
    await world[Symbol.asyncDispose]()
  }
}
