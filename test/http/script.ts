/** What two gateways are told alike: who signs, what the API server says of a token, and what Graph has. */

import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import type { Rule } from '../../src/access/index.ts'
import {
  type Callers,
  createCallers,
  createKeyHolder,
  createReviews,
  type TrustedIssuer,
} from '../../src/callers/index.ts'
import type { Boarding, GraphClient } from '../../src/graph/index.ts'
import { Failed } from '../cache/answer.ts'
import type { Forge } from '../callers/forge.ts'
import type { FakeClock } from '../world/fake-clock.ts'

export interface Script {
  readonly clock: FakeClock
  readonly rules: readonly Rule[]
  /** What the issuer `id` publishes. */
  keys: readonly Forge[]
  /** What the issuer `cluster` publishes, whose tokens are reviewed. */
  readonly clusterKeys: readonly Forge[]
  review: 'accepted' | 'refused' | 'unavailable'
  graph: 'found' | 'notFound' | 'gone' | 'broken' | 'refused' | 'shut'
  /** Of what Graph has. */
  edition: number
}

export const audience = 'session-gateway.test'
export const issuerOf = (name: string): string => `https://${name}.example`

/** Is told what happens, and to whom a question went. */
export type Tell = (what: string, ...about: readonly unknown[]) => void

export function scriptedCallers(script: Script, tell: Tell): Callers {
  const { clock } = script
  const reviews = createReviews({
    async review(token) {
      tell('review', token)
      if (script.review === 'unavailable') throw new Error('nobody is there')
      return script.review === 'refused' ? 'it is gone' : undefined
    },
    whenUnavailable: 'reject',
    clock,
    observer: { reviewed: (outcome) => tell('reviewed', outcome), changed: (why) => tell('reviews', why) },
    close() {},
  })
  const issuer = (name: string, keys: () => readonly Forge[]): TrustedIssuer => ({
    iss: issuerOf(name),
    demands: { name, audience, clockToleranceMs: 30_000, subject: { claim: 'sub' }, require: {} },
    keys: createKeyHolder({
      fetchPublished: async () => ({
        issuer: issuerOf(name),
        keys: keys().map(({ publicJwk }) => publicJwk),
      }),
      clock,
      observer: (problem, change) => tell('keys', name, problem, change),
    }),
  })
  return createCallers({
    issuers: [issuer('id', () => script.keys), { ...issuer('cluster', () => script.clusterKeys), reviews }],
    clock,
  })
}

export function scriptedGraph(script: Script, tell: Tell): GraphClient {
  let trips = 0
  const trip = (): { clientRequestId: string } => ({ clientRequestId: `trip-${(trips += 1)}` })
  async function reached(question: string, boarding: Boarding): Promise<void> {
    boarding.departs()
    tell('graph', question)
    await turn()
    const { graph } = script
    if (graph === 'broken' || graph === 'refused' || graph === 'shut') throw new Failed(graph, 503)
  }
  const absent = (): { status: 404 | 410; headers: []; trip: { clientRequestId: string } } => ({
    status: script.graph === 'gone' ? 410 : 404,
    headers: [],
    trip: trip(),
  })
  return {
    async readSession({ target, validator }, boarding) {
      await reached(`session ${target} ${validator ?? ''}`, boarding)
      if (script.graph !== 'found') return { ...absent(), body: '' }
      const current = `"${script.edition}"`
      if (validator === current) return { status: 304, trip: trip() }
      const body = JSON.stringify({ target, edition: script.edition, name: 'cafÃ©' })
      return {
        status: 200,
        headers: [['content-type', 'application/json']],
        body,
        validator: current,
        trip: trip(),
      }
    },
    async passOn(target, boarding) {
      await reached(`other ${target}`, boarding)
      if (script.graph !== 'found') return absent()
      const body = Readable.from([Buffer.from(`{"value":[{"edition":${script.edition}}]}`)])
      return { status: 200, headers: [['content-type', 'application/json']], body, trip: trip() }
    },
  }
}
