import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createContext, runInNewContext, Script } from 'node:vm'
import { matches } from '../../src/access/pattern.ts'
import { demandOf } from '../../src/cache/index.ts'
import { withoutTokens } from '../../src/errors.ts'
import { etagMatches } from '../../src/http/conditional.ts'
import { retryAfterMs } from '../../src/outbound/index.ts'
import { quoteShort } from '../../src/audit/text.ts'
import { createLog } from '../../src/telemetry/index.ts'

describe('a rule’s pattern', () => {
  /** How often a character of the text is looked at. Work is counted, and not timed. */
  function readsOf(pattern: string, text: string): number {
    let reads = 0
    const counted = new Proxy(Object(text), {
      get(target, key) {
        reads += 1
        return Reflect.get(target, key, target)
      },
    })
    matches(pattern, counted)
    return reads
  }

  for (const pattern of [
    '*',
    'a*',
    '*a',
    '*a*b',
    '*a*a*a*a*b',
    `${'*a'.repeat(30)}*b`,
    `*${'a'.repeat(100)}b`,
    `${'a*'.repeat(100)}b`,
    '*ab*ab*ac',
    'system:serviceaccount:*:*a',
  ]) {
    test(`${pattern.slice(0, 30)} takes twice as long for a text of twice the length, and no more`, () => {
      for (const letters of ['a', 'ab', 'aab', 'a-', 'b', 'a:', 'system:serviceaccount:a:a']) {
        const text = (length: number): string => letters.repeat(length).slice(0, length)
        const [once, twice] = [readsOf(pattern, text(2_000)), readsOf(pattern, text(4_000))]
        assert.ok(twice <= 2.1 * once + 100, `${letters}: ${once}, then ${twice}`)
        // In all it is bounded by the pattern, which is the operator's.
        assert.ok(twice <= 4 * 4_000 * (pattern.length + 1), `${letters}: ${twice}`)
      }
    })
  }
})

const src = new URL('../../src/', import.meta.url).pathname

/** Those whose text is not somebody else's, or has a form that bounds them. */
const excused: ReadonlyMap<string, string> = new Map([
  [String.raw`/"(?:[^"\\]|\\.)*"|\s+/g`, 'a line that has been parsed as JSON: every quote in it is closed'],
  [String.raw`/\/+$/`, 'a URL of the configuration'],
])

/** Every regular expression that the program has, as it is written. */
function regularExpressions(): readonly { readonly file: string; readonly literal: string }[] {
  const literals =
    /(?<=(?:^|[=(,:?!&|[{;]|=>|return)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n])+\/[dgimsuvy]*/gm
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('emulator'))
    .flatMap((file) => {
      const text = readFileSync(join(src, file), 'utf8').replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '')
      return Array.from(text.matchAll(literals), ([literal]) => ({ file, literal }))
    })
}

/** Made of what it looks for: each character and each pair of those that stand in it, and of what it may repeat. */
function pumps(source: string): string[] {
  const letters = new Set((source + 'a0 \t,"/\\=%.-_:\n\u202e').split(''))
  const pairs = source.match(/[ -~]{2}/g) ?? []
  const words = source.match(/[\w/:.=" -]{3,}/g) ?? []
  return [...letters, ...pairs, ...words, 'a"', '"a', '\\"', ',a="', 'a,', ' ,', 'eyJaaaaaaa.', '%2', '/a']
}

const length = 300_000
/** For one text; what is linear takes a few milliseconds. Whatever still runs then is stopped, and fails. */
const timeout = 5_000

describe('no text of 300,000 characters, made for it, keeps busy for long', () => {
  const found = regularExpressions()
  const unbounded = found.filter(({ literal }) => /[*+]|\{\d+,\}/.test(literal) && !excused.has(literal))

  test('all of the program’s regular expressions are looked at', () => {
    assert.ok(found.length > 70, `${found.length} found`)
    for (const literal of excused.keys()) {
      assert.ok(
        found.some((each) => each.literal === literal),
        `${literal} is excused, and there is no such expression`,
      )
    }
  })

  for (const { file, literal } of unbounded) {
    test(`${literal} of ${file}`, () => {
      const [, source = '', flags = ''] = /^\/(.*)\/([a-z]*)$/.exec(literal) ?? []
      const start = /^\^([\w :/-]*)/.exec(source)?.[1] ?? ''
      const expression = new RegExp(source, flags)
      const context = { expression, text: '' }
      createContext(context)
      const look = new Script(expression.global ? 'text.match(expression)' : 'expression.test(text)')
      for (const pump of pumps(source)) {
        const run = pump.repeat(length / pump.length)
        for (const text of [run, `${start}${run}\0`, `"${run}`]) {
          context.text = text
          look.runInContext(context, { timeout })
        }
      }
    })
  }

  test('nor does what is done with it by hand', () => {
    const log = createLog('info', { write: () => {} })
    const done = {
      etagMatches: (text: string) => etagMatches(text, '"x"'),
      demandOf: (text: string) => demandOf(text, true),
      retryAfterMs: (text: string) => retryAfterMs(text, 0),
      withoutTokens,
      quoteShort,
      log: (text: string) => log.info({ text }, 'x'),
    }
    for (const pump of [
      '"',
      '\\',
      '\\"',
      ',',
      ', ',
      'a="',
      ',a="\\',
      'eyJ',
      'eyJaaaaaaa.',
      '\u202e',
      '\ud800',
      '9',
      ' ',
    ]) {
      const text = pump.repeat(length / pump.length)
      for (const name of Object.keys(done)) {
        runInNewContext(`done.${name}(text)`, { done, text }, { timeout })
      }
    }
  })
})
