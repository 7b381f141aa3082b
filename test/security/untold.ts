/** Fails when a secret, or a part of it that is worth something, is anywhere but where it belongs. */

import assert from 'node:assert/strict'
import type { Reply, World } from '../world/world.ts'

/** A token, and each part of it that is worth something. */
export const partsOf = (token: string): string[] =>
  [token, ...token.split('.').slice(1)].filter(({ length }) => length > 20)

export async function assertUntold(
  world: World,
  secrets: readonly string[],
  replies: readonly Reply[],
): Promise<void> {
  const { body: metrics } = await world.manage('/metrics')
  const { body: readiness } = await world.manage('/readyz')
  const told = JSON.stringify([
    world.logs,
    world.trail,
    metrics,
    readiness,
    replies.map(({ headers, body }) => [headers, body]),
  ])
  for (const secret of secrets.flatMap(partsOf)) {
    assert.ok(secret.length > 20)
    assert.ok(!told.includes(secret), `told: ${secret.slice(0, 30)}…`)
    // Nor as much of it as a bound on length would leave.
    for (const rest of [secret.slice(0, 24), secret.slice(-24)]) {
      assert.ok(!told.includes(rest), `told: ${rest}`)
    }
  }
}
