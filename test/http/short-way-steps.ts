/** What happens to two gateways alike: requests good and bad, time, purges, and whatever becomes of those around them. */

import * as fc from 'fast-check'
import type { Rule } from '../../src/access/index.ts'
import type { Scope } from '../../src/cache/index.ts'
import { graphTarget, type SessionRequest } from '../../src/session/index.ts'
import { createForge } from '../callers/forge.ts'
import { anyText, spelling } from '../session/spellings.ts'
import { audience, issuerOf, type Script } from './script.ts'

export type Step =
  | Ask
  | { readonly what: 'pass' | 'set the clock'; readonly ms: number }
  | { readonly what: 'purge'; readonly of: Scope }
  | { readonly what: 'publish'; readonly keys: 'old' | 'both' | 'new' }
  | { readonly what: 'review'; readonly says: Script['review'] }
  | { readonly what: 'graph'; readonly says: Script['graph']; readonly isNew: boolean }
  | { readonly what: 'stall' | 'fail' | 'flow' }

export interface Ask {
  readonly what: 'ask'
  readonly method: 'GET' | 'HEAD' | 'POST'
  /** latin1 */
  readonly target: string
  readonly shows: keyof typeof shown
  /** `{etag}` is that of the last answer to this target. */
  readonly lines: readonly string[]
  readonly times: number
}

export const startsAt = 1_800_000_000_000
const forges = {
  old: createForge('ed25519'),
  new: createForge('ed25519'),
  cluster: createForge('ed25519'),
  nobody: createForge('ed25519'),
}

export const published = {
  old: [forges.old],
  both: [forges.new, forges.old],
  new: [forges.new],
  cluster: [forges.cluster],
} as const

export const rules: readonly Rule[] = [
  { name: 'choosy', callers: of('choosy'), workspaces: ['default'], select: ['displayName', 'id'] },
  { name: 'limited', callers: of('limited'), workspaces: ['*'], rate: { count: 3, perMs: 20_000 } },
  { name: 'bypassing', callers: of('bypassing'), workspaces: ['default'], mayBypassCache: true },
  { name: 'bypassing-elsewhere', callers: of('bypassing'), workspaces: ['*'] },
  { name: 'operators', callers: of('*'), admin: ['purge'] },
  { name: 'pods', callers: [{ issuer: 'cluster' }], workspaces: ['default', 'lab'] },
  { name: 'all', callers: of('plain', 'brief'), workspaces: ['*'], reads: ['session', 'sessions'] },
]

function of(...subjects: readonly string[]): { issuer: string; subject: string }[] {
  return subjects.map((subject) => ({ issuer: 'id', subject }))
}

function token(sub: string, lastsMs: number, signs: keyof typeof forges = 'old'): string {
  const iss = issuerOf(signs === 'cluster' ? 'cluster' : 'id')
  return forges[signs].sign({ iss, aud: audience, sub, exp: (startsAt + lastsMs) / 1000 })
}

const day = 86_400_000
const plain = `Bearer ${token('plain', day)}`

/** The `Authorization` of each, if any. */
export const shown = {
  plain,
  'plain, with the new key': `Bearer ${token('plain', day, 'new')}`,
  limited: `Bearer ${token('limited', day)}`,
  choosy: `Bearer ${token('choosy', day)}`,
  bypassing: `Bearer ${token('bypassing', day)}`,
  brief: `Bearer ${token('brief', 45_000)}`,
  pod: `Bearer ${token('pod', day, 'cluster')}`,
  stranger: `Bearer ${token('stranger', day)}`,
  expired: `Bearer ${token('plain', -day)}`,
  forged: `Bearer ${token('plain', day, 'nobody')}`,
  'in another spelling': plain.replace('Bearer ', 'bearer  '),
  'with more behind it': `${plain} ${plain}`,
  garbage: 'Bearer eyJ.garbage',
  'another scheme': 'Basic cGxhaW46cGxhaW4=',
  nothing: undefined,
} as const

const sessionIds = ['11111111-1111-1111-1111-111111111111', '22222222-2222-2222-2222-222222222222']
const asked: fc.Arbitrary<SessionRequest> = fc.record(
  {
    read: fc.constant('session' as const),
    workspaceId: fc.constantFrom(...Array.from({ length: 5 }, () => 'default'), 'lab'),
    sessionId: fc.constantFrom(...sessionIds),
    select: fc.constantFrom(null, null, ['displayName', 'id']),
  },
  { noNullPrototype: true },
)
const hostile = fc.oneof(
  anyText,
  asked.map(graphTarget).chain((good) => fc.constantFrom(`/${good}`, `${good}/`, `${good}#`, `${good}?`)),
  fc.constant('/beta/security/securityCopilot/workspaces/default/sessions'),
  fc.constant('http://gateway.example/beta'),
)
const target = fc.oneof(
  { weight: 16, arbitrary: asked.map(graphTarget) },
  { weight: 2, arbitrary: asked.chain(spelling) },
  // A line's end would make several requests of it.
  {
    weight: 2,
    arbitrary: hostile.map((text) =>
      Buffer.from(text, 'latin1')
        .toString('latin1')
        .replace(/[\r\n]/g, ''),
    ),
  },
)
const line = fc.oneof(
  fc.constantFrom('If-None-Match: {etag}', 'If-None-Match: "other", {etag}', 'If-None-Match: "other"'),
  fc.constantFrom(
    'If-None-Match: *',
    'If-None-Match: "other"\r\nIf-None-Match: W/{etag}',
    'If-None-Match: x',
  ),
  fc.constantFrom(
    'client-request-id: mine',
    'client-request-id: ../mine',
    'client-request-id: ' + 'x'.repeat(65),
  ),
  fc.constantFrom(
    'X-Forwarded-For: 203.0.113.7',
    'X-Forwarded-For: 203.0.113.7, 127.0.0.1',
    'X-Forwarded-For: x',
  ),
  fc.constantFrom('X-Forwarded-For: [2001:db8::1]:55\r\nX-Forwarded-For: 127.0.0.1', 'Connection: close'),
)
const rareLine = fc.oneof(
  fc.constantFrom('Cache-Control: no-cache', 'Cache-Control: no-store', 'Cache-Control: max-age=5'),
  fc.constantFrom(
    'cache-control: only-if-cached',
    'Cache-Control:',
    'Cache-Control: min-fresh=19, x="no-cache"',
  ),
  fc.constantFrom('Host: other.example', `Authorization: ${plain}`, 'Content-Length: 4', 'Content-Length: 0'),
  fc.constantFrom(
    'Upgrade: h2c',
    'Expect: x',
    'Transfer-Encoding: chunked',
    'Pragma: no-cache',
    'Range: bytes=0-1',
  ),
)
const ask: fc.Arbitrary<Ask> = fc.record(
  {
    what: fc.constant('ask' as const),
    method: fc.constantFrom(...Array.from({ length: 14 }, () => 'GET' as const), 'HEAD', 'HEAD', 'POST'),
    target,
    shows: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('plain', 'plain', 'limited', 'pod') },
      { weight: 1, arbitrary: fc.constantFrom(...(Object.keys(shown) as (keyof typeof shown)[])) },
    ),
    lines: fc.oneof(
      { weight: 5, arbitrary: fc.constant([]) },
      { weight: 4, arbitrary: fc.array(line, { minLength: 1, maxLength: 3 }) },
      { weight: 1, arbitrary: fc.array(fc.oneof(line, rareLine), { minLength: 1, maxLength: 3 }) },
      { weight: 1, arbitrary: rareLine.map((one) => [one]) },
    ),
    times: fc.constantFrom(1, 1, 1, 1, 1, 3),
  },
  { noNullPrototype: true },
)

const passes = fc.constantFrom(1, 250, 1_000, 2_000, 8_000, 10_000, 20_000, 20_000, 20_000, 60_000, 300_000)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: ask },
  { weight: 5, arbitrary: passes.map((ms) => ({ what: 'pass', ms }) as const) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(-100_000, 30_000, 3_600_000)
      .map((ms) => ({ what: 'set the clock', ms }) as const),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom<Scope>({ resource: `default/${sessionIds[0]}` }, { group: 'default' }, 'everything')
      .map((scope) => ({ what: 'purge', of: scope }) as const),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('old', 'old', 'both', 'new')
      .map((keys) => ({ what: 'publish', keys }) as const),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('accepted', 'accepted', 'refused', 'unavailable')
      .map((says) => ({ what: 'review', says }) as const),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom<Script['graph']>(
          ...([
            'found',
            'found',
            'found',
            'found',
            'found',
            'found',
            'notFound',
            'gone',
            'broken',
            'refused',
            'shut',
          ] as const),
        ),
        fc.boolean(),
      )
      .map(([says, isNew]) => ({ what: 'graph', says, isNew }) as const),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom('stall', 'fail', 'flow', 'flow', 'flow').map((what) => ({ what }) as const),
  },
)

/** Of signatures that are verified on several threads the first is chance: what comes at once comes with a token at hand. */
const inOrder = (all: readonly Step[]): Step[] =>
  all.flatMap((one) => {
    if (one.what !== 'ask' || one.times === 1) return [one]
    const first = { ...one, times: 1 }
    return one.shows === 'brief' ? [first] : [first, one]
  })

export const steps = fc.array(step, { maxLength: 60, size: 'max' }).map(inOrder)

/** As it goes over the wire. */
export function bytesOf({ method, target: text, shows, lines }: Ask, etag: string): string {
  const authorization = shown[shows]
  return [
    `${method} ${text} HTTP/1.1`,
    'Host: gateway.example',
    ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
    ...lines.map((one) => one.replaceAll('{etag}', etag)),
    '\r\n',
  ].join('\r\n')
}

/** Whether the target says in the canonical form which session is asked for. */
export function isCanonical(text: string): boolean {
  return canonical.has(text)
}

const canonical = new Set(
  ['default', 'lab'].flatMap((workspaceId) =>
    sessionIds.flatMap((sessionId) =>
      [null, ['displayName', 'id']].map((select) =>
        graphTarget({ read: 'session', workspaceId, sessionId, select }),
      ),
    ),
  ),
)
