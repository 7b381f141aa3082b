/**
 * What becomes of one read, and why: whose token this is, what is asked, which rule decides, what is kept of it. Nobody is
 * asked but the issuers, for their keys; and a running gateway, where its address is given.
 *
 * @module
 */

import { createAccess } from '../../access/index.ts'
import type { Caller } from '../../callers/index.ts'
import { systemClock } from '../../clock.ts'
import { type Config, loadConfig } from '../../config/index.ts'
import { GatewayError } from '../../errors.ts'
import { parseJsonObject } from '../../json.ts'
import { callersFor } from '../../parts.ts'
import { outboundFor } from '../../reach.ts'
import {
  assertSaneTarget,
  graphTarget,
  parseReadRequest,
  type ReadRequest,
  sessionKey,
} from '../../session/index.ts'
import { createLog } from '../../telemetry/index.ts'
import { mistakeInUrl, readText, readToken, reasonOf } from '../replicas.ts'
import { complain, describeFinding, quoted, say } from '../terminal.ts'
import { explainRules } from './rules.ts'
import { askRunning } from './running.ts'

export interface ExplainOptions {
  readonly config?: readonly string[]
  /** `-`: standard input. None: as somebody without a token. */
  readonly tokenFile?: string
  readonly url?: string
  readonly caFile?: string
}

/** What is wrong with the arguments, if anything. */
export function mistakeIn(path: string, { url }: ExplainOptions): string | undefined {
  if (!path.startsWith('/')) return 'the path begins with "/": it is what stands behind the host'
  return url === undefined ? undefined : mistakeInUrl(url)
}

/** @returns the exit code: 0 permitted, 1 refused, 2 when a file cannot be read or the configuration has problems */
export async function explain(path: string, options: ExplainOptions): Promise<number> {
  const loaded = await loadConfig({ files: options.config ?? [], env: process.env })
  if (!loaded.ok) {
    for (const problem of loaded.problems) complain(`problem  ${describeFinding(problem)}`)
    return 2
  }
  const { config } = loaded
  let token: string | undefined
  let ca: string | undefined
  let whose: Judged<Caller>
  try {
    token = await readToken(options.tokenFile)
    ca = await readText(options.caFile)
    whose = await judged(() => identify(config, token))
  } catch (error) {
    complain(`error: ${quoted(reasonOf(error))}`)
    return 2
  }

  const asked = await judged(() => understand(path, config))
  tell('caller', 'refusal' in whose ? whose.refusal : describeCaller(whose.found, token))
  if ('refusal' in whose) tell('issuers', describeIssuers(config))
  tell('asked', 'refusal' in asked ? asked.refusal : describeAsked(asked.found))
  if ('refusal' in whose || 'refusal' in asked) return 1

  for (const line of explainRules(config.access, whose.found, asked.found)) tell('rule', line)
  const access = createAccess(config.access, systemClock.monotonic)
  const decided = await judged(() => access.decide(whose.found, asked.found))
  if ('refusal' in decided) {
    tell('decision', decided.refusal)
    return 1
  }
  tell('decision', `permitted by the rule ${decided.found.rule}`)
  const cached = await askRunning(asked.found, { url: options.url, token, ca })
  for (const line of cached.lines) tell('cache', line)
  return cached.isAsExplained ? 0 : 1
}

const widest = 'decision'.length

function tell(what: string, found: string): void {
  say(`${what.padEnd(widest)}  ${quoted(found)}`)
}

type Judged<T> = { readonly found: T } | { readonly refusal: string }

/** What a room finds, or its refusal, in the words of the log. */
async function judged<T>(look: () => T | Promise<T>): Promise<Judged<T>> {
  try {
    return { found: await look() }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    const { status, code, reason, message } = error
    return { refusal: `refused with ${status} ${code}: ${reason ?? message}` }
  }
}

/**
 * With the keys of the issuers, fetched as the gateway does, and reviewed where it is.
 *
 * @throws {Unauthenticated | IssuerUnavailable | TokenReviewUnavailable | StartFailure}
 */
async function identify(config: Config, token: string | undefined): Promise<Caller> {
  const outbound = await outboundFor(config, systemClock)
  const callers = callersFor(config.issuers, {
    outbound,
    clock: systemClock,
    env: process.env,
    log: createLog('silent'),
    metrics: { keysFetched() {}, tokenReviewed() {} },
  })
  try {
    return await callers.identify(token === undefined ? undefined : `Bearer ${token}`)
  } finally {
    callers.close()
    await outbound.close()
  }
}

/** @throws {InvalidRequest | UnknownResource} */
function understand(path: string, { graph }: Config): ReadRequest {
  assertSaneTarget(path)
  return parseReadRequest(path, graph.selectable)
}

function describeCaller({ issuer, subject, workload, tokenId }: Caller, token: string | undefined): string {
  return [
    `issuer ${issuer}`,
    `subject ${subject}`,
    ...(workload === undefined ? [] : [`workload ${workload.namespace}/${workload.serviceAccount}`]),
    ...(workload?.pod === undefined ? [] : [`pod ${workload.pod}`]),
    ...(tokenId === undefined ? [] : [`jti ${tokenId}`]),
    token === undefined ? 'without a token' : `exp ${endOf(token)}`,
  ].join(', ')
}

/** @param token one that has been verified */
function endOf(token: string): string {
  const exp = parseJsonObject(Buffer.from(token.split('.')[1] ?? '', 'base64url'))?.['exp']
  return new Date(Number(exp) * 1000).toISOString()
}

function describeIssuers({ issuers }: Config): string {
  const each = issuers.map((issuer) => {
    if (issuer.type === 'anonymous') return `${issuer.name} (whoever has no token)`
    const iss = issuer.issuer ?? 'the iss that its API server names'
    return `${issuer.name} (${iss}, audience ${issuer.audience})`
  })
  return `believed are ${each.join('; ')}`
}

function describeAsked(asked: ReadRequest): string {
  const key = asked.read === 'session' ? `kept under the key ${sessionKey(asked)}` : 'passed on, never kept'
  return `${asked.read}, of Graph at ${graphTarget(asked)}; ${key}`
}
