import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { GatewayError } from '../../src/errors.ts'
import { createLinkRewriting } from '../../src/http/link-rewriting.ts'

const graph = 'https://graph.example'
const own = 'https://gateway.example'
const rewrite = (link: string): string | undefined =>
  link.startsWith(`${graph}/`) ? own + link.slice(graph.length) : undefined

function passed(chunks: readonly Buffer[]): Buffer {
  const links = createLinkRewriting(rewrite)
  return Buffer.concat([...chunks.flatMap((chunk) => links.pass(chunk)), links.end()])
}

/** Into pieces that begin at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b)
  return [0, ...at].map((start, index) => bytes.subarray(start, [...at, bytes.length][index]))
}

const linkNames = ['@odata.nextLink', '@nextLink', '@odata.deltaLink', '@deltaLink', 'prompts@odata.nextLink']
const otherNames = [
  'nextLink',
  'odata.nextLink',
  '@odata.nextlink',
  '@odata.nextLink ',
  'webLink',
  'Link',
  'value',
]

const endsInLink = (name: string): boolean => linkNames.some((each) => name.endsWith(each))

/** The same as `rewrite`, in a document that is a value and not bytes. */
function model(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(model)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, child]) => [
      name,
      typeof child === 'string' && endsInLink(name) ? rewrite(child) : model(child),
    ]),
  )
}

const link = fc.string({ unit: 'grapheme', maxLength: 30 }).map((rest) => `${graph}/${rest}`)
const word = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom(
    '"@odata.nextLink":"https://graph.example/x"',
    '\\"@odata.nextLink\\":\\"https://evil.example/',
    '@odata.nextLink',
    'x"@odata.nextLink',
    '@odata.nextLink\\',
  ),
)
const document = fc.letrec<{ value: unknown; map: Record<string, unknown> }>((tie) => ({
  map: fc
    .tuple(
      fc.dictionary(
        fc.oneof(word, fc.constantFrom(...otherNames)).filter((name) => !endsInLink(name)),
        tie('value'),
        { maxKeys: 4 },
      ),
      fc.dictionary(fc.constantFrom(...linkNames), fc.oneof(link, fc.constant(null), fc.boolean()), {
        maxKeys: 2,
      }),
    )
    .map(([others, links]) => ({ ...others, ...links })),
  value: fc.oneof(
    { depthSize: 'small' },
    word,
    fc.integer(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('map'),
  ),
}))

test('every link of a page leads to us and nothing else is changed, wherever the pieces are cut', () => {
  const indents = fc.constantFrom('', ' ', '\t', '\n')
  fc.assert(
    fc.property(document.map, indents, fc.array(fc.nat(), { maxLength: 12 }), (doc, indent, places) => {
      const text = JSON.stringify(doc, null, indent)
      const out = passed(cut(Buffer.from(text), places)).toString()
      assert.equal(out, JSON.stringify(model(doc), null, indent))
    }),
    { numRuns: 3_000 },
  )
})

test('byte for byte, the same comes out where there is no link', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat()), (bytes, places) => {
      assert.deepEqual(passed(cut(Buffer.from(bytes), places)), Buffer.from(bytes))
    }),
  )
})

test('each byte by itself is as good as all at once', () => {
  const text = `{"@odata.context":"c","@odata.nextLink" : "${graph}/a\\u0026b\\/c","value":[]}`
  const one = [...Buffer.from(text)].map((byte) => Buffer.of(byte))
  const expected = `{"@odata.context":"c","@odata.nextLink" : "${own}/a&b/c","value":[]}`
  assert.equal(String(passed(one)), expected)
  assert.equal(String(passed([Buffer.from(text)])), expected)
})

for (const [what, text, why] of [
  ['to another host', `{"@odata.nextLink":"https://evil.example/x"}`, /leads elsewhere: https:\/\/evil/],
  [
    'to another host, after one that is good',
    `{"@nextLink":"${graph}/","@odata.nextLink":"//evil"}`,
    /elsewhere/,
  ],
  ['of another scheme', `{"@odata.nextLink":"http://graph.example/x"}`, /elsewhere/],
  ['of 9 KiB', `{"@odata.nextLink":"${graph}/${'x'.repeat(9_216)}`, /too long/],
  ['after 9 KiB of spaces', `{"@odata.nextLink"${' '.repeat(9_216)}`, /too long/],
  ['that is no text of JSON', `{"@odata.nextLink":"${graph}/\n"}`, /no JSON/],
] as const) {
  test(`an answer with a link ${what} breaks off before the link`, () => {
    for (const chunks of [[Buffer.from(text)], [...Buffer.from(text)].map((byte) => Buffer.of(byte))]) {
      const out: Buffer[] = []
      const links = createLinkRewriting(rewrite)
      assert.throws(
        () => chunks.forEach((chunk) => out.push(...links.pass(chunk))),
        (error) => error instanceof GatewayError && why.test(error.reason ?? ''),
      )
      assert.doesNotMatch(String(Buffer.concat(out)), /evil|http:|xxx/)
    }
  })
}

test('what ends in the middle of a link ends there', () => {
  const text = `{"@odata.nextLink":"${graph}/a`
  assert.equal(String(passed([Buffer.from(text)])), text)
})
