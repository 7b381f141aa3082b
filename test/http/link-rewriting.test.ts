import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createLinkRewriting } from '../../src/http/link-rewriting.ts'

const graph = 'https://graph.example'
const own = 'https://gateway.example'
const rewrite = (link: string): string | undefined =>
  link.startsWith(`${graph}/`) ? own + link.slice(graph.length) : undefined

async function passed(chunks: readonly Buffer[], maxBytes = 2 ** 20): Promise<Buffer> {
  const rewriting = createLinkRewriting({ rewrite, maxBytes })
  return buffer(Readable.from(chunks).pipe(rewriting))
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

test('every link of a page leads to us and nothing else is changed, wherever the pieces are cut', async () => {
  const indents = fc.constantFrom('', ' ', '\t', '\n')
  await fc.assert(
    fc.asyncProperty(
      document.map,
      indents,
      fc.array(fc.nat(), { maxLength: 12 }),
      async (doc, indent, places) => {
        const text = JSON.stringify(doc, null, indent)
        const out = (await passed(cut(Buffer.from(text), places))).toString()
        assert.equal(out, JSON.stringify(model(doc), null, indent))
      },
    ),
    { numRuns: 3_000 },
  )
})

test('byte for byte, the same comes out where there is no link', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat()), async (bytes, places) => {
      assert.deepEqual(await passed(cut(Buffer.from(bytes), places)), Buffer.from(bytes))
    }),
  )
})

test('each byte by itself is as good as all at once', async () => {
  const text = `{"@odata.context":"c","@odata.nextLink" : "${graph}/a\\u0026b\\/c","value":[]}`
  const one = [...Buffer.from(text)].map((byte) => Buffer.of(byte))
  const expected = `{"@odata.context":"c","@odata.nextLink" : "${own}/a&b/c","value":[]}`
  assert.equal(String(await passed(one)), expected)
  assert.equal(String(await passed([Buffer.from(text)])), expected)
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
  test(`an answer with a link ${what} breaks off before the link`, async () => {
    for (const chunks of [[Buffer.from(text)], [...Buffer.from(text)].map((byte) => Buffer.of(byte))]) {
      const out: Buffer[] = []
      const rewriting = createLinkRewriting({ rewrite, maxBytes: 2 ** 20 })
      rewriting.on('data', (part: Buffer) => void out.push(part))
      const failure = await new Promise((resolve) => {
        rewriting.once('error', resolve).once('end', () => resolve(undefined))
        Readable.from(chunks).pipe(rewriting)
      })
      assert.ok(failure instanceof Error && 'reason' in failure, String(failure))
      assert.match(String(failure.reason), why)
      assert.doesNotMatch(String(Buffer.concat(out)), /evil|http:|xxx/)
    }
  })
}

test('what ends in the middle of a link ends there', async () => {
  const text = `{"@odata.nextLink":"${graph}/a`
  assert.equal(String(await passed([Buffer.from(text)])), text)
})

test('more than may come breaks off', async () => {
  const chunk = Buffer.alloc(1_000)
  assert.equal((await passed([chunk, chunk], 2_000)).length, 2_000)
  await assert.rejects(passed([chunk, chunk], 1_999), { code: 'graphAnswerInvalid', reason: /longer than/ })
})
