/**
 * Every check in its order, each with what it needs: what is independent runs side by side, and is told in this order.
 *
 * @module
 */

import type { Clock } from '../../clock.ts'
import type { Config } from '../../config/index.ts'
import { heapProblem } from '../../parts.ts'
import { type Environment, isReviewed, outboundFor } from '../../reach.ts'
import { examineExchange, examineGraph, examineKeys, examineReviews, examineRoles } from './identity.ts'
import { failed, type Line, ok, type Told } from './line.ts'
import { createSharedSteps } from './shared-steps.ts'
import { examineClock, sourceOf, whoTellsTime } from './network.ts'
import { examineTls } from './server-files.ts'
import { examineSigningKey, examineSink } from './sink.ts'
import { createSteps, type Step } from './steps.ts'
import { createWays, type Needs } from './ways.ts'

export interface Examination extends AsyncDisposable {
  /** As they become known, in a fixed order. */
  readonly lines: AsyncIterable<Line>
  /** Something of it may hang for ever. */
  readonly hasOverrun: boolean
}

/** The longest chains are a file, a name, the proxy, the exchange, and then a read, or Redis: 29 s if each takes all it may. */
const fileMs = 3_000
const exchangeMs = 7_000
/** Two documents, of 5 s each. */
const keysMs = 11_000
/** What ends by itself at its own deadline says more than a check that is cut. */
const graceMs = 1_000

const mebibyte = 2 ** 20

export function examine(
  written: Config,
  { env, clock }: { readonly env: Environment; readonly clock: Clock },
): Examination {
  const config = inHaste(written)
  const { server, identity, graph, issuers, audit, cache } = config
  const steps = createSteps(clock)
  const { begin } = steps
  const within = (withinMs: number): { withinMs: number; needs: readonly [] } => ({ withinMs, needs: [] })
  const alone = (name: string, action: () => Promise<Told>): Step<unknown> =>
    begin(name, within(fileMs), async () => ({ told: await action() }))

  const { publicUrl } = server
  const files = [
    alone('server.tls', () => examineTls(server.tls, { key: 'server.tls', publicUrl, now: clock.now() })),
    alone('server.management.tls', () => {
      const key = 'server.management.tls'
      return examineTls(server.management.tls, { key, publicUrl: undefined, now: clock.now() })
    }),
  ]
  const records = [
    alone('audit.sink', () => examineSink(audit)),
    ...[audit.signingKeyFile ?? []]
      .flat()
      .map((file) => alone('audit.signingKeyFile', () => examineSigningKey(file))),
    alone('cache.memory', () => Promise.resolve(examineMemory(cache.memory))),
  ]

  const way = begin('outbound', within(fileMs), async () => {
    const value = await outboundFor(config, clock)
    const { caFile } = config.outbound
    const also = caFile === undefined ? '' : `, and those of ${caFile}`
    return { told: ok(`the system’s certificate authorities are trusted${also}`), value }
  })

  const { reaching, directly, named, steps: waysLooked } = createWays(config, { way, begin })
  const patience = exchangeMs + graceMs

  const time = begin(
    'clock',
    { withinMs: patience, needs: reaching(whoTellsTime(config).origin) },
    async (outbound) => ({
      told: await examineClock(config, outbound, { clock, deadlineMs: exchangeMs }),
    }),
  )
  const keys = issuers.flatMap((issuer) => {
    if (issuer.type === 'anonymous') return []
    const { origin, isDirect } = sourceOf(issuer, env)
    const needs = isDirect ? directly(origin) : reaching(origin)
    const held = begin(`issuer ${issuer.name}`, { withinMs: keysMs, needs }, async (outbound) => ({
      told: await examineKeys(issuer, { outbound, clock, env }),
    }))
    if (!isReviewed(issuer)) return held
    const reviewed = begin(`tokenReview ${issuer.name}`, { withinMs: patience, needs }, async () => ({
      told: await examineReviews(issuer, { clock, env }),
    }))
    return [held, reviewed]
  })
  // A managed identity is had from IMDS, which is neither looked up nor reached through a proxy.
  const giver: Needs = identity.credential.type === 'managed' ? [way] : reaching(identity.authorityHost)
  const token = begin('token', { withinMs: patience, needs: giver }, (outbound) =>
    examineExchange(config, { outbound, clock }),
  )
  const roles = begin('roles', { withinMs: fileMs, needs: [token] }, async (held) => ({
    told: examineRoles(held, config, clock),
  }))
  const read = begin(
    'graph',
    { withinMs: patience, needs: [token, ...reaching(graph.endpoint)] },
    async (held, outbound) => ({ told: await examineGraph(held, config, { outbound, clock }) }),
  )
  const shared = createSharedSteps(config, { clock, begin, way, token, named })

  const inOrder = [
    ...files,
    way,
    ...waysLooked(),
    time,
    ...keys,
    token,
    roles,
    read,
    ...shared.steps,
    ...records,
  ]
  return {
    lines: linesOf(inOrder),
    get hasOverrun() {
      return steps.hasOverrun
    },
    async [Symbol.asyncDispose]() {
      await shared.close()
      await (await way.outcome).value?.close()
    },
  }
}

async function* linesOf(steps: readonly Step<unknown>[]): AsyncGenerator<Line> {
  for (const { outcome } of steps) yield* (await outcome).lines
}

/** Whoever asks waits for the answer. */
function inHaste(config: Config): Config {
  const { graph } = config
  return { ...config, graph: { ...graph, deadline: Math.min(graph.deadline, exchangeMs) } }
}

function examineMemory(memory: number): Told {
  const problem = heapProblem(memory)
  return problem === undefined
    ? ok(`${Math.ceil(memory / mebibyte)} MiB, less than half of what Node’s heap may take`)
    : failed(problem)
}
