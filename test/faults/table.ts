/**
 * What is promised when something upstream goes wrong. The tests play each of these; the page on failure modes is written
 * from them.
 *
 * @module
 */

import type { Emulator, Fault } from '../../src/emulator/index.ts'

export interface Promised {
  /** As the page says it. */
  readonly what: string
  readonly at: 'graph' | 'token'
  /** From now on, at that part; a number of times, or until it is told to recover. */
  readonly fault: (sessionId: string, emulator: Emulator) => Fault
  readonly times?: number
  /** Asks for these properties. */
  readonly select?: string
  /** Which part of the world is otherwise not as usual. */
  readonly given?: 'noToken' | 'revokedToken' | 'closedPort'
  /** Time that must pass until the trip ends: its deadline, or until the gate opens (of a wait of so many ms). */
  readonly passes?: 'deadline' | number
  /** What a caller gets for whom nothing is kept. */
  readonly status: number
  /** Of the error; absent where nobody notices. */
  readonly code?: string
  /** Seconds in `Retry-After`; `some` where they depend on how long it has gone on. */
  readonly retryAfter?: number | 'some'
  /** What becomes of an answer that is kept, though past its freshness. */
  readonly kept?: 'given' | 'dropped'
  /** Calls to Graph for one trip. */
  readonly calls: number
  /** The same behind a stale answer, where nobody waits. */
  readonly callsBehind?: number
}

const json = { 'Content-Type': 'application/json' }
const ok =
  (body: string, headers: Record<string, string> = json) =>
  (): Fault => ({
    kind: 'body',
    status: 200,
    headers,
    body,
  })
const status = (code: number, retryAfter?: string) => (): Fault => ({
  kind: 'status',
  status: code,
  ...(retryAfter === undefined ? {} : { retryAfter }),
})
const is = (fault: Fault) => (): Fault => fault

const failed = { status: 502, code: 'graphFailed', kept: 'given', calls: 2 } as const
const invalid = { status: 502, code: 'graphAnswerInvalid', kept: 'given', calls: 1 } as const
const refused = { status: 502, code: 'graphRefused', kept: 'dropped', calls: 1 } as const
const unnoticed = { status: 200, calls: 1 } as const

const graph: readonly Omit<Promised, 'at'>[] = [
  {
    what: 'Graph resets the connection, once',
    fault: is({ kind: 'reset' }),
    times: 1,
    status: 200,
    calls: 2,
  },
  { what: 'Graph resets every connection', fault: is({ kind: 'reset' }), ...failed },
  {
    what: 'nothing listens at `graph.endpoint`',
    fault: is({ kind: 'reset' }),
    given: 'closedPort',
    ...failed,
    calls: 0,
  },
  { what: '500, once', fault: status(500), times: 1, status: 200, calls: 2 },
  { what: '500', fault: status(500), ...failed },
  { what: '502 with a page of HTML', fault: is({ kind: 'html', status: 502 }), ...failed },
  { what: '503 without `Retry-After`', fault: status(503), ...failed },
  { what: '504', fault: status(504), ...failed },
  { what: '509 (bandwidth)', fault: status(509), ...failed },
  {
    what: '503 with `Retry-After: 30`',
    fault: status(503, '30'),
    status: 503,
    code: 'graphThrottled',
    retryAfter: 30,
    kept: 'given',
    calls: 1,
  },
  {
    what: '429 with `Retry-After: 30`',
    fault: status(429, '30'),
    status: 503,
    code: 'graphThrottled',
    retryAfter: 30,
    kept: 'given',
    calls: 1,
  },
  {
    what: '429 with `Retry-After: 0.249`, once',
    fault: status(429, '0.249'),
    times: 1,
    passes: 249,
    status: 200,
    calls: 2,
    callsBehind: 1,
  },
  {
    what: '429 without `Retry-After`, once',
    fault: status(429),
    times: 1,
    passes: 1_000,
    status: 200,
    calls: 2,
    callsBehind: 1,
  },
  {
    what: 'no answer',
    fault: is({ kind: 'hang' }),
    passes: 'deadline',
    status: 504,
    code: 'graphTimedOut',
    kept: 'given',
    calls: 1,
  },
  {
    what: 'an answer that drips in, byte by byte',
    fault: is({ kind: 'drip', everyMs: 1_000 }),
    passes: 'deadline',
    status: 504,
    code: 'graphTimedOut',
    kept: 'given',
    calls: 1,
  },
  { what: '200, cut off in the middle', fault: is({ kind: 'truncate' }), ...invalid },
  { what: '200 with a page of HTML', fault: is({ kind: 'html' }), ...invalid },
  { what: '200 of another content type', fault: ok('{}', { 'Content-Type': 'text/plain' }), ...invalid },
  { what: '200 that is no JSON object', fault: ok('[]'), ...invalid },
  { what: '200 with the id of another session', fault: is({ kind: 'otherId' }), ...invalid },
  {
    what: '200 larger than `graph.maxBody`',
    fault: ok(JSON.stringify({ displayName: 'x'.repeat(4096) })),
    ...invalid,
  },
  {
    what: '200 with 100 KB of headers',
    fault: ok('{}', { ...json, 'X-Long': 'x'.repeat(100_000) }),
    ...invalid,
  },
  {
    what: '200 with more than `$select` asked for',
    fault: is({ kind: 'extra' }),
    select: 'displayName',
    ...invalid,
  },
  {
    what: '302 to another host',
    fault: is({ kind: 'redirect', location: 'https://elsewhere.example/' }),
    ...invalid,
  },
  { what: '404 with a page of HTML', fault: is({ kind: 'html', status: 404 }), ...invalid },
  { what: '404', fault: status(404), status: 404, code: 'ResourceNotFound', kept: 'dropped', calls: 1 },
  { what: '410', fault: status(410), status: 410, code: 'ResourceNotFound', kept: 'dropped', calls: 1 },
  { what: '400', fault: status(400), ...refused },
  { what: '403', fault: status(403), ...refused },
  {
    what: '403, the role is missing',
    fault: is({
      kind: 'status',
      status: 403,
      code: 'Forbidden',
      message:
        'Missing application roles. API required roles: SecurityCopilotWorkspaces.Read.All, application roles: .',
    }),
    ...refused,
  },
  { what: '408', fault: status(408), ...failed, calls: 1 },
  {
    what: '401, since the token has been revoked',
    fault: is({ kind: 'delay', ms: 0 }),
    given: 'revokedToken',
    status: 200,
    calls: 2,
  },
  { what: '401, whatever the token', fault: status(401), ...refused, kept: 'given', calls: 2 },
]

const unavailable = {
  status: 503,
  code: 'tokenUnavailable',
  retryAfter: 'some',
  kept: 'given',
  calls: 0,
} as const

const entra: readonly Omit<Promised, 'at'>[] = (
  [
    ['resets every connection', is({ kind: 'reset' })],
    ['answers nothing', is({ kind: 'hang' })],
    ['answers 429 with `Retry-After: 60`', status(429, '60')],
    ['answers 503', status(503)],
    ['answers 500 with a page of HTML', is({ kind: 'html', status: 500 })],
    ['answers 200 with a page of HTML', is({ kind: 'html' })],
    [
      'redirects to another host',
      is({ kind: 'redirect', location: 'https://elsewhere.example/', status: 307 }),
    ],
    ['says that the secret has expired (AADSTS7000222)', is({ kind: 'entraError', aadsts: 7_000_222 })],
    ['knows no such tenant (AADSTS90002)', is({ kind: 'entraError', aadsts: 90_002 })],
  ] as const
).flatMap(([what, fault]) => [
  { what: `Entra ${what}, while a token holds`, fault, ...unnoticed },
  { what: `Entra ${what}, and no token holds any more`, fault, given: 'noToken' as const, ...unavailable },
])

export const table: readonly Promised[] = [
  ...graph.map((each) => ({ ...each, at: 'graph' as const })),
  ...entra.map((each) => ({ ...each, at: 'token' as const })),
]

/** What ends a request before the cache is asked. */
export const before = [
  {
    what: "the keys of the caller's issuer have never been had",
    status: 503,
    code: 'issuerUnavailable',
    retryAfter: 5,
  },
  {
    what: "with `tokenReview`: the API server does not say whether the caller's token still holds, nor has it within 10 s",
    status: 503,
    code: 'tokenReviewUnavailable',
    retryAfter: 5,
  },
  {
    what: 'records are not taken for `audit.stallAfter`, with `delivery: before-response`',
    status: 503,
    code: 'auditUnavailable',
    retryAfter: 1,
  },
] as const
