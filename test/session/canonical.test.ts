import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  assertSaneTarget,
  createCanonicalReader,
  graphTarget,
  parseReadRequest,
  type SessionRequest,
} from '../../src/session/index.ts'
import { anyText, guid, selectable, sessionRequest, spelling } from './spellings.ts'

/** As nearly all callers write them: workspaces in lower case. */
const usual: fc.Arbitrary<SessionRequest> = fc
  .tuple(
    sessionRequest,
    fc.oneof(
      fc.constantFrom('default', 'a', 'a'.repeat(64)),
      guid,
      fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,63}$/),
    ),
  )
  .map(([request, workspaceId]) => ({ ...request, workspaceId }))

/** What an operator may let callers select, in any order, and a request for no more than that. */
const configured = fc
  .tuple(fc.shuffledSubarray(selectable), usual)
  .map(([names, request]): [readonly string[], SessionRequest] => {
    const select = request.select?.filter((name) => names.includes(name)) ?? []
    return [names, { ...request, select: select.length === 0 ? null : select }]
  })

const other = fc.constantFrom(
  ...`/ ? & = , $ % ' ( ) - _ . ~ + \t \r \n \0 a A z Z 0 9 g é`.split(' '),
  ' ',
  '',
)

/** One character of a good target is another one, or gone, or there twice, or in the other case. */
const almost = fc.tuple(usual.map(graphTarget), fc.nat(), other).chain(([good, at, character]) => {
  const cut = at % (good.length + 1)
  const starts = [...good.matchAll(/(?<=\/)/g)].map(({ index }) => index)
  const start = starts[at % starts.length] ?? 0
  const letters = [...good.matchAll(/[a-z]/gi)].map(({ index }) => index)
  const letter = letters[at % letters.length] ?? 0
  return fc.constantFrom(
    good.slice(0, cut) + character + good.slice(cut + 1),
    good.slice(0, cut) + character + good.slice(cut),
    good.slice(0, start) + character + good.slice(start),
    good.slice(0, letter) + inOtherCase(good.charAt(letter)) + good.slice(letter + 1),
  )
})

function inOtherCase(letter: string): string {
  return letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()
}

/** What is no identifier stands where the workspace's would. */
const otherWorkspaces = fc
  .tuple(
    usual,
    fc.constantFrom('', '-', '_a', '-default', 'a'.repeat(65), 'a.b', "('default')", 'a/b', 'Default'),
  )
  .map(([request, workspaceId]) => graphTarget({ ...request, workspaceId }))

/** A good query, and what looks like one. */
const otherQueries = fc
  .tuple(
    usual.map((request) => graphTarget({ ...request, select: null })),
    fc.array(fc.constantFrom(...selectable, 'ID', 'other', 'constructor', ''), { maxLength: 4 }),
    fc.constantFrom(
      '?$select=',
      '?$select=',
      '?select=',
      '?%24select=',
      '?$SELECT=',
      '?',
      '?$top=1&$select=',
    ),
    fc.constantFrom(',', ',', ',', '%2C', ',,', ', '),
  )
  .map(([path, names, before, between]) => path + before + names.join(between))

test('what the reader of canonical targets reads, the parser reads alike, and Graph is asked in the same words', () => {
  const target = fc.oneof(
    usual.map(graphTarget),
    sessionRequest.map(graphTarget),
    usual.chain(spelling),
    almost,
    otherWorkspaces,
    otherQueries,
    anyText,
  )
  let read = 0
  let left = 0
  fc.assert(
    fc.property(fc.shuffledSubarray(selectable), target, (names, text) => {
      const request = createCanonicalReader(names)(text)
      if (request === undefined) {
        left += 1
        return
      }
      read += 1
      assertSaneTarget(text)
      assert.deepEqual(parseReadRequest(text, names), request)
      assert.equal(graphTarget(request), text)
    }),
    { numRuns: 10_000 },
  )
  assert.ok(read > 1_000 && left > 1_000, `${read} were read, ${left} were left to the parser`)
})

test('every canonical target in lower case is read, whatever may be selected', () => {
  fc.assert(
    fc.property(configured, ([names, asked]) => {
      assert.deepEqual(createCanonicalReader(names)(graphTarget(asked)), asked)
    }),
    { numRuns: 2_000 },
  )
})

test('one reader reads each target for itself, however many it has read', () => {
  const read = createCanonicalReader(selectable)
  fc.assert(
    fc.property(fc.array(fc.oneof(usual.map(graphTarget), almost), { maxLength: 20 }), (targets) => {
      for (const text of targets) assert.deepEqual(read(text), createCanonicalReader(selectable)(text))
    }),
    { numRuns: 500 },
  )
})
