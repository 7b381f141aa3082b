import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  assertSaneTarget,
  graphTarget,
  InvalidRequest,
  type OtherRequest,
  parseReadRequest,
  resources,
  UnknownResource,
} from '../../src/session/index.ts'
import { anyCase, guid, identifier, selectable } from './spellings.ts'

const root = '/beta/security/securityCopilot'
const id = 'ecdfb9b3-58f5-457f-a18c-4a477890b252'
const session = `${root}/workspaces/default/sessions/${id}`
const prompts = `${session}/prompts`

function parse(target: string): OtherRequest {
  assertSaneTarget(target)
  const request = parseReadRequest(target, selectable)
  assert.ok(request.read !== 'session', 'it is one session')
  return request
}

/** What Graph documents, one line each: its path and its options. */
const documented: readonly (readonly [read: OtherRequest['read'], path: string, options: string])[] = [
  ['workspaces', `${root}/workspaces`, '$select $count $filter'],
  ['plugins', `${root}/workspaces/default/plugins`, '$select $count $filter $top'],
  ['sessions', `${root}/workspaces/default/sessions`, '$select $count $filter $top'],
  ['prompts', prompts, '$select $count $filter $top'],
  ['prompt', `${prompts}/p-1`, '$select'],
  ['evaluations', `${prompts}/p-1/evaluations`, '$select $count $filter $top'],
  ['evaluation', `${prompts}/p-1/evaluations/e-1`, '$select'],
]
const good: Readonly<Record<string, string>> = {
  $select: 'id',
  $count: 'true',
  $filter: "displayName%20eq%20'x'",
  $top: '10',
  $skiptoken: 'abc',
  $skip: '20',
}

test('what is documented, and one session, is all that there is', () => {
  assert.deepEqual(
    [...documented.map(([read]) => read), 'session'].toSorted(),
    Object.keys(resources).toSorted(),
  )
})

for (const [read, path, options] of documented) {
  test(`${read} takes ${options}, pages where it is a list, and nothing else`, () => {
    const request = parse(path)
    assert.equal(request.read, read)
    assert.equal(graphTarget(request), path)
    const taken = Object.keys(good).filter((option) => {
      try {
        return graphTarget(parse(`${path}?${option}=${good[option]}`)) === `${path}?${option}=${good[option]}`
      } catch (error) {
        assert.ok(error instanceof InvalidRequest)
        assert.match(error.message, /^The (?:only )?query options? of this resource (?:is|are) /)
        return false
      }
    })
    const isList = resources[read].isList
    assert.deepEqual(
      taken.toSorted(),
      [...options.split(' '), ...(isList ? ['$skiptoken', '$skip'] : [])].toSorted(),
    )
    for (const option of [
      '$expand=prompts',
      '$orderby=id',
      '$search=x',
      'whatif',
      '$apply=x',
      '$format=json',
    ]) {
      assert.throws(() => parse(`${path}?${option}`), InvalidRequest)
    }
    assert.throws(() => parse(`${path}/`), UnknownResource)
    assert.throws(() => parse(`${path}/x/y`), UnknownResource)
  })
}

const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((each) => !/\p{Cc}/u.test(each))
const filter = fc
  .tuple(fc.constantFrom('displayName eq ', 'contains(name,', 'isEnabled eq true and name eq '), text)
  .map(([beginning, value]) => {
    const quoted = `${beginning}'${value.replaceAll("'", "''")}'`
    return beginning.startsWith('contains') ? `${quoted})` : quoted
  })
const properties = fc
  .uniqueArray(fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,9}$/), { minLength: 1, maxLength: 5 })
  .map((names) => names.toSorted())
const listRequest: fc.Arbitrary<OtherRequest> = fc
  .record({
    ids: fc.tuple(fc.oneof(fc.constant('default'), guid, identifier), guid, identifier),
    select: fc.option(properties, { nil: null }),
    options: fc.record(
      {
        count: fc.boolean(),
        filter,
        top: fc.integer({ min: 1, max: 1000 }),
        page: fc
          .stringMatching(/^[A-Za-z0-9!$'()*,;:@/?._~-]{1,60}(?:%[2-6][0-9])?$/)
          .map((value) => ({ option: '$skiptoken' as const, value })),
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
  })
  .map(({ ids, ...rest }) => ({ read: 'evaluations', workspaceId: ids[0], ids, ...rest }))

/** As somebody else could write it: without `$`, names in any case, options in any order, keys in parentheses. */
const spelling = (request: OtherRequest): fc.Arbitrary<string> => {
  const { ids, select, options } = request
  const pairs = [
    ...(select === null ? [] : [['$select', select.join(',')]]),
    ...(options.filter === undefined ? [] : [['$filter', encodeURIComponent(options.filter)]]),
    ...(options.count === undefined ? [] : [['$count', String(options.count)]]),
    ...(options.top === undefined ? [] : [['$top', String(options.top)]]),
    ...(options.page === undefined ? [] : [[options.page.option, options.page.value]]),
  ]
  const keyed = (name: string, key = ''): fc.Arbitrary<string> =>
    fc
      .tuple(anyCase(name), fc.boolean())
      .map(([spelt, inParentheses]) => (inParentheses ? `${spelt}('${key}')` : `${spelt}/${key}`))
  return fc
    .tuple(
      fc.shuffledSubarray(pairs, { minLength: pairs.length }),
      fc.infiniteStream(fc.boolean()),
      keyed('workspaces', ids[0]),
      keyed('sessions', ids[1]),
      keyed('prompts', ids[2]),
      anyCase('evaluations'),
    )
    .map(([shuffled, coins, ...path]) => {
      const query = shuffled.map(([name = '', value]) => {
        const plain = coins.next().value ? name.slice(1) : name
        return `${coins.next().value ? plain.toUpperCase() : plain}=${value}`
      })
      return `${root}/${path.join('/')}${query.length === 0 ? '' : `?${query.join('&')}`}`
    })
}

test('every spelling of a list is the same request, with the same target at Graph', () => {
  fc.assert(
    fc.property(
      listRequest.chain((request) => fc.tuple(fc.constant(request), spelling(request))),
      ([request, target]) => {
        fc.pre(target.length <= 2048)
        const parsed = parse(target)
        assert.deepEqual(parsed, request)
        // What Graph is asked is read by it, and by us, as the same again.
        assert.deepEqual(parse(graphTarget(parsed)), request)
      },
    ),
    { numRuns: 2_000 },
  )
})

test('what is opaque in a page reaches Graph as it came, encoding and all', () => {
  const token = 'X%27Zm9v%2Bbar%3D%3D%27~a'
  assert.equal(
    graphTarget(parse(`${prompts}?$top=2&skiptoken=${token}`)),
    `${prompts}?$top=2&$skiptoken=${token}`,
  )
})

test('a plus sign in a filter is a space to Graph, and an encoded one is a plus sign', () => {
  const { options } = parse(`${prompts}?$filter=createdDateTime+gt+2025-10-22T20:10:54%2B02:00`)
  assert.equal(options.filter, 'createdDateTime gt 2025-10-22T20:10:54+02:00')
})

const refused: readonly (readonly [what: string, query: string, message: RegExp])[] = [
  ['a filter over what a session leads to', "$filter=prompts/any(p:contains(p/content,'x'))", /no paths/],
  ['a filter with an encoded slash', "$filter=prompts%2Fany(p:contains(p,'x'))", /no paths/],
  ['a filter with a text left open', "$filter=displayName%20eq%20'x", /single quotes/],
  ['a path behind an escaped quote', "$filter=a%20eq%20'x''y'%20or%20b/c%20eq%20'z'", /no paths/],
  ['a path between two texts', "$filter='x'/any()'y'", /no paths/],
  ['a filter with $it', '$filter=$it%20eq%201', /no paths/],
  ['a filter with an alias', '$filter=displayName%20eq%20@p1', /no paths/],
  ['a filter with a newline in its text', "$filter=a%20eq%20'%0A'", /no paths/],
  ['a doubly encoded filter', "$filter=a%2520eq%2520'x'", /no paths/],
  ['an empty filter', '$filter=', /up to 1024/],
  ['a long filter', `$filter=${'a'.repeat(1025)}`, /up to 1024/],
  ['$top=0', '$top=0', /from 1 to 1000/],
  ['$top=1001', '$top=1001', /from 1 to 1000/],
  ['$top=1e2', '$top=1e2', /from 1 to 1000/],
  ['$top=-1', '$top=-1', /from 1 to 1000/],
  ['$count=yes', '$count=yes', /true or false/],
  ['$count alone', '$count', /true or false/],
  ['an empty page', '$skiptoken=', /as it is/],
  ['a page of 1,537 characters', `$skiptoken=${'a'.repeat(1537)}`, /as it is/],
  ['a page that is badly encoded', '$skiptoken=%zz', /percent-encoding/],
  ['two pages', '$skiptoken=a&$skip=1', /one may be given/],
  ['$top twice', '$top=1&top=2', /\$top may be given once/],
  ['a path in $select', '$select=evaluations/result', /property names/],
  ['17 properties', `$select=${Array.from({ length: 17 }, (_, n) => `p${n}`).join(',')}`, /up to 16/],
]
for (const [what, query, message] of refused) {
  test(`${what} is 400, and the answer says what is allowed`, () => {
    assert.throws(
      () => parse(`${prompts}?${query}`),
      (error) => error instanceof InvalidRequest && message.test(error.message),
    )
  })
}

test('the ids of prompts and evaluations are GUIDs, or as plain as those of workspaces', () => {
  assert.deepEqual(parse(`${prompts}('${id.toUpperCase()}')`).ids, ['default', id, id])
  for (const [path, what] of [
    [`${prompts}/..%2e`, /The prompt id must be a GUID/],
    [`${prompts}/p-1/evaluations/-`, /The evaluation id must be a GUID/],
    [`${root}/workspaces/default/sessions/1/prompts`, /The session id must be a GUID/],
  ] as const) {
    assert.throws(() => parseReadRequest(path, selectable), what)
  }
})
