/**
 * Callers: most of them ask for what they may have, some for what they may not, some badly, and some leave.
 *
 * @module
 */

import { type Dispatcher, request } from 'undici'
import { type Chance, chanceOf } from './chance.ts'
import type { Troubles } from './faults.ts'
import type { Findings } from './findings.ts'
import type { Identity } from './identities.ts'
import { type Asked, directives, errorCodeOf, type Got, type Judge } from './judge.ts'
import type { Life, Lives } from './lives.ts'
import { deadlineMs, drainDelayMs, pause, type Plan } from './plan.ts'
import { properties, type Select, type Session, type Sessions } from './sessions.ts'
import { misbehave } from './strangers.ts'

export interface Load {
  readonly plan: Plan
  readonly lives: Lives
  readonly sessions: Sessions
  readonly identities: readonly Identity[]
  readonly badTokens: readonly string[]
  readonly findings: Findings
  readonly judge: Judge
  readonly troubles: Troubles
  readonly port: number
  readonly managementPort: number
  readonly ca: string
}

const callers = 80
const meanPauseMs = 350
/** Beyond the deadline, on a busy machine. */
const marginMs = 4_000
/** An issuer that hangs is waited for, in the worst case for both of its documents. */
const issuerMs = 10_000

/** A connection that is being made when the door shuts. */
const shutsWithinMs = 250

const asking = [
  ['cluster triage', 34],
  ['oidc reader', 20],
  ['cluster wallboard', 15],
  ['oidc demanding', 10],
  ['oidc limited', 6],
  ['cluster intern', 4],
  ['oidc stranger', 4],
  ['cluster ops', 2],
] as const

type Action = 'read' | 'leave' | 'badToken' | 'misbehave' | 'purge'

const actions: readonly (readonly [Action, number])[] = [
  ['read', 84],
  ['leave', 6],
  ['badToken', 5],
  ['misbehave', 4],
  ['purge', 0.4],
]

export async function causeLoad(load: Load): Promise<void> {
  await Promise.all(
    Array.from({ length: callers }, (_, number) => call(load, chanceOf(load.plan.seed, `caller ${number}`))),
  )
}

async function call(load: Load, chance: Chance): Promise<void> {
  const { plan, lives, findings } = load
  while (!plan.isOver) {
    await pause(-Math.log(1 - chance.next()) * meanPauseMs)
    const life = await lives.listening()
    const action = chance.weighed(actions)
    findings.count(`asked ${action}`)
    const startedAt = performance.now()
    if (action === 'misbehave') await misbehave(load, life, chance)
    else if (action === 'purge') await purge(load, life, chance)
    else if (action === 'badToken') await askWithBadToken(load, life, chance)
    else await read(load, life, chance, action === 'leave')
    judgeDuration(load, action, startedAt)
  }
}

function judgeDuration({ findings, troubles }: Load, action: Action, startedAt: number): void {
  const now = performance.now()
  const isIssuerTroubled = startedAt < Math.max(troubles.issuer, troubles.cluster) + 2 * issuerMs
  const most = deadlineMs + marginMs + (isIssuerTroubled ? issuerMs : 0)
  findings.check('no hang', now - startedAt <= most, () => `${action} took ${Math.round(now - startedAt)} ms`)
}

const tags = new Map<string, string>()

async function read(load: Load, life: Life, chance: Chance, leaves: boolean): Promise<void> {
  const { identities, sessions, judge } = load
  const name = chance.weighed(asking)
  const identity = identities.find((one) => one.name === name) as Identity
  const session = sessions.popular(chance)
  const select = selectOf(identity, chance)
  const mayDemand = identity.mayBypassCache === true
  const directive = chance.is(mayDemand ? 0.5 : 0.04) ? chance.of(directives) : undefined
  const method = chance.is(0.08) ? 'HEAD' : 'GET'
  const target = targetOf(session, select, chance)
  const tagKey = `${session.id} ${select?.toSorted().join() ?? '*'}`
  const tag = chance.is(0.3) ? tags.get(tagKey) : undefined
  const headers = {
    authorization: `Bearer ${identity.token}`,
    ...(tag === undefined ? {} : { 'if-none-match': tag }),
    ...(directive === undefined ? {} : { 'cache-control': directive.field }),
  }
  const signal = leaves ? AbortSignal.timeout(chance.between(0, 60)) : undefined
  const asked: Asked = { identity, session, select, method, directive, startedAt: performance.now(), life }
  const got = await send(load, asked, target, { method, headers, signal: signal ?? null })
  if (got === undefined) return
  if (got.status === 401) load.findings.count('good tokens refused with 401')
  if (got.headers['etag'] !== undefined) tags.set(tagKey, String(got.headers['etag']))
  judge.answer(asked, got)
}

function selectOf(identity: Identity, chance: Chance): Select {
  // Mostly what its rule lets it ask for, and sometimes not.
  if (identity.name === 'cluster wallboard' && chance.is(0.85)) {
    return chance.of<Select>([['displayName'], ['id', 'displayName'], ['id']])
  }
  if (chance.is(0.75)) return null
  const some = properties.filter(() => chance.is(0.6))
  return some.length === 0 ? null : some
}

const apiRoot = '/beta/security/securityCopilot'

function targetOf({ workspaceId, id }: Session, select: Select, chance: Chance): string {
  const path = chance.is(0.8)
    ? `${apiRoot}/workspaces/${workspaceId}/sessions/${id}`
    : `${apiRoot}/workspaces('${workspaceId}')/sessions('${id.toUpperCase()}')`
  return select === null ? path : `${path}?${chance.of(['$select', 'select'])}=${select.join(',')}`
}

/** `undefined` when no whole answer came, which is judged here. */
async function send(
  { port, findings }: Load,
  { life, startedAt }: Pick<Asked, 'life' | 'startedAt'>,
  target: string,
  options: Pick<Dispatcher.RequestOptions, 'method' | 'headers' | 'signal'>,
): Promise<Got | undefined> {
  try {
    const {
      statusCode: status,
      headers,
      body,
    } = await request(`https://localhost:${port}${target}`, {
      dispatcher: life.agent,
      ...(options as { method: 'GET' }),
    })
    const text = Buffer.from(await body.bytes()).toString('utf8')
    const endedAt = performance.now()
    findings.check('no connection lost but by a kill', true, () => '')
    const { drainingAt = Infinity } = life
    if (drainingAt < endedAt) findings.check('drains fail nothing, and end well', true, () => '')
    return { status, headers, body: text, endedAt }
  } catch (error) {
    const { signal } = options as { signal?: AbortSignal | null }
    if (signal?.aborted === true) {
      findings.count('left')
      return undefined
    }
    const why =
      error instanceof Error ? `${(error as NodeJS.ErrnoException).code ?? error.name}: ${error.message}` : ''
    judgeLoss(findings, life, startedAt, why)
    return undefined
  }
}

export function judgeLoss(findings: Findings, life: Life, startedAt: number, why: string): void {
  const { killedAt, drainingAt = Infinity } = life
  if (killedAt !== undefined) return findings.count('lost by a kill')
  if (drainingAt === Infinity) {
    return findings.check('no connection lost but by a kill', false, () => `life ${life.number}: ${why}`)
  }
  // It goes on accepting for a while. Who comes at its end, or later, may find the door shut.
  if (startedAt > drainingAt + drainDelayMs - shutsWithinMs) return findings.count('turned away by a drain')
  findings.check(
    'drains fail nothing, and end well',
    false,
    () => `life ${life.number}: sent ${Math.round(startedAt - drainingAt)} ms after SIGTERM: ${why}`,
  )
}

async function askWithBadToken(load: Load, life: Life, chance: Chance): Promise<void> {
  const { sessions, badTokens, findings } = load
  const token = chance.of(badTokens)
  const target = targetOf(sessions.popular(chance), null, chance)
  const startedAt = performance.now()
  const got = await send(load, { life, startedAt }, target, {
    method: 'GET',
    headers: { authorization: `Bearer ${token}` },
  })
  if (got === undefined) return
  findings.count(`answer ${got.status} ${errorCodeOf(got)}`)
  findings.check(
    'no answer without permission',
    got.status === 401 || got.status === 503,
    () => `${got.status} for the token ${token.slice(0, 40)}…`,
  )
}

async function purge(load: Load, life: Life, chance: Chance): Promise<void> {
  const { identities, sessions, judge, managementPort, findings } = load
  const mayPurge = chance.is(0.9)
  const identity = identities.find(
    (one) => one.name === (mayPurge ? 'cluster ops' : 'oidc reader'),
  ) as Identity
  const { workspaceId, id } = sessions.popular(chance)
  const scope = chance.weighed([
    [{ workspaceId, sessionId: id }, 20],
    [{ workspaceId, sessionId: null }, 1],
    [{ workspaceId: null, sessionId: null }, 1],
  ] as const)
  const path = [
    scope.workspaceId && `/workspaces/${scope.workspaceId}`,
    scope.sessionId && `/sessions/${scope.sessionId}`,
  ]
  const sentAt = performance.now()
  try {
    const { statusCode, body } = await request(`http://127.0.0.1:${managementPort}/cache${path.join('')}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${identity.token}` },
    })
    const text = await body.text()
    const code = statusCode === 200 ? '' : errorCodeOf({ status: statusCode, headers: {}, body: text })
    findings.count(`purge ${statusCode} ${code}`)
    if (statusCode === 200) judge.purges.push({ ...scope, sentAt, doneAt: performance.now() })
    findings.check(
      'no answer without permission',
      mayPurge || statusCode !== 200,
      () => 'a reader has purged',
    )
  } catch (error) {
    // The management port ends with the process, and has no connections that are kept.
    if (life.killedAt === undefined && life.drainingAt === undefined)
      judgeLoss(findings, life, sentAt, String(error))
  }
}
