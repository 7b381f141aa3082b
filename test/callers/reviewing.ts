/** A gateway whose API server reviews tokens, and what tests of it ask. */

import type { Emulator } from '../../src/emulator/index.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { audience, type Reply, startWorld, type World } from '../world/world.ts'
import { until } from './forge.ts'

export interface Reviewing extends World {
  readonly clock: FakeClock
  /** Asks with a token of a new pod of the triage service, or of the one named. */
  readonly tokenOf: (pod?: string) => Promise<string>
  readonly askWith: (token: string) => Promise<Reply>
  /** Requests that the API server has seen since the keys were fetched. */
  readonly asked: () => number
  readonly outcomes: () => Promise<Record<string, number>>
}

export async function startReviewing(tokenReview: object = {}): Promise<Reviewing> {
  const clock = createFakeClock()
  const world = await startWorld({
    clock,
    config: { issuers: { cluster: { tokenReview } } },
    prepare: ({ entra }) => (entra.tokenLifetimeSeconds = 86_400),
  })
  const { emulator } = world
  await until(world, () => emulator.cluster.requests === 2 && told(world).length === 1)
  let pods = 0
  return {
    ...world,
    clock,
    tokenOf: (pod = `triage-${(pods += 1)}`) =>
      emulator.issuer.serviceAccountToken({ namespace: 'soc', serviceAccount: 'triage', audience, pod }),
    askWith: (token) => world.ask(undefined, { token }),
    asked: () => emulator.cluster.requests - 2,
    async outcomes() {
      const { body } = await world.manage('/metrics')
      const lines = body.matchAll(/token_reviews_total\{issuer="cluster",outcome="(\w+)"\} (\d+)/g)
      return Object.fromEntries([...lines].map(([, outcome = '', count]) => [outcome, Number(count)]))
    },
  }
}

export const caller = { issuer: 'cluster', subject: 'system:serviceaccount:soc:triage' }

/** What the log says of the cluster itself. */
export function told({ logs }: World): string[] {
  return logs.flatMap(({ issuer, msg }) => (issuer === 'cluster' ? [String(msg)] : []))
}

/** The API server says this of every token. */
export function says(emulator: Emulator, status: object, times = 1): void {
  const body = JSON.stringify({ kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', status })
  emulator.fail('cluster', { kind: 'body', status: 201, headers: {}, body }, times)
}
