/** Session requests, and the many ways to write each of them down. */

import * as fc from 'fast-check'
import type { SessionRequest } from '../../src/session/index.ts'

export const selectable = ['id', 'createdDateTime', 'lastModifiedDateTime', 'displayName']

const hex = (length: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'.split('')), minLength: length, maxLength: length })

export const guid = fc.tuple(hex(8), hex(4), hex(4), hex(4), hex(12)).map((parts) => parts.join('-'))

export const identifier = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/)

const select = fc.option(
  fc.subarray(selectable, { minLength: 1 }).map((names) => names.toSorted()),
  { nil: null },
)

/** In canonical form. */
export const sessionRequest: fc.Arbitrary<SessionRequest> = fc.record(
  {
    read: fc.constant('session' as const),
    workspaceId: fc.oneof(fc.constant('default'), guid, identifier),
    sessionId: guid,
    select,
  },
  { noNullPrototype: true },
)

const guidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Letters in upper or lower case at random. */
export function anyCase(text: string): fc.Arbitrary<string> {
  return fc
    .array(fc.boolean(), { minLength: text.length, maxLength: text.length })
    .map((upper) =>
      text.replace(/./g, (char, at: number) => (upper[at] ? char.toUpperCase() : char.toLowerCase())),
    )
}

/** Some characters percent-encoded. */
function anyEncoding(text: string): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom('as it is', '%xx', '%XX'), { minLength: text.length, maxLength: text.length })
    .map((how) =>
      text.replace(/./g, (char, at: number) => {
        if (how[at] === 'as it is') return char
        const code = char.charCodeAt(0).toString(16).padStart(2, '0')
        return `%${how[at] === '%XX' ? code.toUpperCase() : code}`
      }),
    )
}

function id(canonical: string): fc.Arbitrary<string> {
  return guidPattern.test(canonical) ? anyCase(canonical) : fc.constant(canonical)
}

/** `workspaces/x` or `workspaces('x')`. */
function keyed(collection: string, key: string): fc.Arbitrary<string> {
  return fc.tuple(anyCase(collection), id(key), fc.boolean()).chain(([name, value, inParentheses]) => {
    if (inParentheses) return anyEncoding(`${name}('${value}')`)
    return fc.tuple(anyEncoding(name), anyEncoding(value)).map((segments) => segments.join('/'))
  })
}

function query(names: readonly string[] | null): fc.Arbitrary<string> {
  if (names === null) return fc.constantFrom('', '?')
  const list = fc
    .tuple(
      fc.shuffledSubarray([...names], { minLength: names.length }),
      fc.array(fc.constantFrom(...names), { maxLength: 3 }),
    )
    .chain(([all, again]) => anyCase([...all, ...again].join(',')))
    .chain((text) => anyEncoding(text))
  const option = fc
    .constantFrom('$select', 'select')
    .chain(anyCase)
    .chain((name) => anyEncoding(name))
  return fc.tuple(option, list).map(([name, value]) => `?${name}=${value}`)
}

/** One of the ways to ask for it. */
export function spelling(request: SessionRequest): fc.Arbitrary<string> {
  const fixed = ['beta', 'security', 'securityCopilot'].map((segment) =>
    anyCase(segment).chain((text) => anyEncoding(text)),
  )
  return fc
    .tuple(
      ...fixed,
      keyed('workspaces', request.workspaceId),
      keyed('sessions', request.sessionId),
      query(request.select),
    )
    .map((parts) => `/${parts.slice(0, -1).join('/')}${parts.at(-1) ?? ''}`)
}

/** Text that comes close to being a target. */
const fragments = fc.constantFrom(
  ..."/ // beta v1.0 security securityCopilot workspaces sessions default ( ) ' ? & = , $select select id".split(
    ' ',
  ),
  ...`(' ') displayName %24 %2f %00 % %ff %c0%af .. . \\ # + __proto__ ecdfb9b3-58f5-457f-a18c-4a477890b252`.split(
    ' ',
  ),
  ...' \0 \u{1f6e1} \ud800 \u212a'.split(' '),
  ' ',
)
/** What strangers may send for a target. */
export const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.array(fragments, { maxLength: 30 }).map((parts) => parts.join('')),
  // A good target with one thing wrong somewhere in it.
  fc
    .tuple(sessionRequest.chain(spelling), fc.nat(), fc.nat(2), fc.oneof(fragments, fc.constant('')))
    .map(([good, at, without, wrong]) => {
      const cut = at % (good.length + 1)
      return good.slice(0, cut) + wrong + good.slice(cut + without)
    }),
)
