/**
 * Answers: what can come back besides a 200, by status.
 *
 * @module
 */

import { identifying, named } from './headers.ts'
import { ofPassedOn, ofPurges, ofReads, type Refusal, unknownPath } from './refusals.ts'

export interface Response {
  readonly description: string
  readonly headers: Readonly<Record<string, object>>
  readonly content?: Readonly<Record<string, { readonly schema: object }>>
}

export type Responses = Readonly<Record<string, Response>>

/** Graph's `error.code` is passed on where it has this form. */
const graphsCode = { type: 'string', pattern: '^[A-Za-z0-9_.-]{1,64}$', examples: ['ResourceNotFound'] }

/** Graph's "no" is an answer like any other; at an empty id it is ours. */
const absent: Responses = {
  404: {
    description: `Graph has nothing there. Or, with Proxy-Status, the gateway has no such path, as where an id is empty.\n\n${told([unknownPath])}`,
    headers: named([...identifying, 'notKept', 'cacheStatusIfGraphs', 'age', 'proxyStatusIfOurs']),
    content: envelope({ anyOf: [{ const: unknownPath.code }, graphsCode] }),
  },
  410: {
    description: 'Graph says that it is gone.',
    headers: named([...identifying, 'notKept', 'cacheStatus', 'age']),
    content: envelope(graphsCode),
  },
}

const unchanged: Responses = {
  304: {
    description: 'What you have (If-None-Match) is what there is.',
    headers: named([...identifying, 'mayBeKept', 'cacheStatus', 'age', 'etag']),
  },
}

/** What Node's parser says by itself on the management port. */
const unreadable: Responses = Object.fromEntries(
  [
    [400, 'Not an HTTP/1.1 request that can be read.'],
    [408, 'The request did not arrive in time.'],
    [417, 'An Expect other than 100-continue.'],
    [431, 'The request headers are larger than 16 KiB in all.'],
  ].map(([status, what]) => [status, { description: `${what} The answer has no body.`, headers: {} }]),
)

export const families = {
  session: { ...unchanged, ...byStatus(ofReads), ...absent },
  passedOn: { ...byStatus(ofPassedOn), ...absent },
  purge: { ...unreadable, ...byStatus(ofPurges) },
  management: unreadable,
} as const satisfies Readonly<Record<string, Responses>>

/** For `responses` of an operation. */
export function referred(family: keyof typeof families): Readonly<Record<string, object>> {
  const statuses = Object.keys(families[family])
  return Object.fromEntries(
    statuses.map((status) => [status, { $ref: `#/components/responses/${family}.${status}` }]),
  )
}

function byStatus(refusals: readonly Refusal[]): Responses {
  const grouped = Object.entries(Object.groupBy(refusals, ({ status }) => status))
  return Object.fromEntries(grouped.map(([status, of = []]) => [status, refused(Number(status), of)]))
}

function refused(status: number, of: readonly Refusal[]): Response {
  const isOurs = of.every(({ proxyError }) => proxyError !== undefined)
  const isTimed = of.every(({ retryAfterMs }) => retryAfterMs !== undefined)
  const mayRest = of.some(({ retryAfterMs, backOffMs }) => (retryAfterMs ?? backOffMs) !== undefined)
  const codes = [...new Set(of.map(({ code }) => code))].toSorted()
  return {
    description: told(of),
    headers: named([
      ...identifying,
      'notKept',
      isOurs ? 'proxyStatus' : 'proxyStatusIfOurs',
      ...(isTimed ? (['retryAfter'] as const) : mayRest ? (['retryAfterIfResting'] as const) : []),
      ...(status === 401 ? (['wwwAuthenticate'] as const) : []),
      ...(codes.includes('notCached') ? (['notCached'] as const) : []),
    ]),
    content: envelope({ enum: codes }),
  }
}

function told(of: readonly Refusal[]): string {
  return of.map(({ code, message }) => `- \`${code}\`: ${message}`).join('\n')
}

function envelope(code: object): NonNullable<Response['content']> {
  const schema = {
    allOf: [
      { $ref: '#/components/schemas/error' },
      { type: 'object', properties: { error: { type: 'object', properties: { code } } } },
    ],
  }
  return { 'application/json': { schema } }
}
