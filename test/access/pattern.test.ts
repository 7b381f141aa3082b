import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { matches } from '../../src/access/pattern.ts'

/** The same question, asked of a regular expression. */
function oracle(pattern: string, text: string): boolean {
  const literal = pattern.split('*').map((part) => part.replaceAll(/[\\^$.|?+()[\]{}/-]/g, String.raw`\$&`))
  return new RegExp(`^${literal.join('[^/:]*')}$`).test(text)
}

function madeOf(letters: string, maxLength: number): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...letters.split('')), maxLength })
}

for (const [pattern, text, is] of [
  ['triage', 'triage', true],
  ['triage', 'Triage', false],
  ['triage', 'triage2', false],
  ['', '', true],
  ['*', '', true],
  ['*', 'anything at all', true],
  ['*', 'soc/triage', false],
  ['*', 'soc:triage', false],
  ['triage-*', 'triage-', true],
  ['triage-*', 'triage-1/admin', false],
  ['*-ops', 'soc-ops', true],
  ['*-ops', 'soc-ops-2', false],
  ['*-ops', 'a-ops-ops', true],
  ['repo:org/*:ref:refs/heads/main', 'repo:org/tool:ref:refs/heads/main', true],
  ['repo:org/*:ref:refs/heads/main', 'repo:org/tool:ref:refs/heads/x:ref:refs/heads/main', false],
  ['repo:org/*:ref:refs/heads/main', 'repo:org/tool/fork:ref:refs/heads/main', false],
  ['repo:*/*:*', 'repo:org/tool:pull_request', true],
  ['**', 'a', true],
  ['*a*b*', 'xaxbx', true],
  ['*a*b*', 'xbxa', false],
  ['*', '*', true],
  ['a*', 'a*/', false],
  ['triage*', 'triage\nadmin', true],
  ['a.c', 'abc', false],
] as const) {
  test(`${JSON.stringify(pattern)} ${is ? 'is' : 'is not'} ${JSON.stringify(text)}`, () => {
    assert.equal(matches(pattern, text), is)
  })
}

test('a pattern says of every text what the regular expression says', () => {
  const likely = fc.tuple(madeOf('ab*/:', 10), madeOf('ab*/:', 14))
  const wild = fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }))
  fc.assert(
    fc.property(
      fc.oneof({ arbitrary: likely, weight: 9 }, { arbitrary: wild, weight: 1 }),
      ([pattern, text]) => {
        assert.equal(matches(pattern, text), oracle(pattern, text))
      },
    ),
    { numRuns: 10_000 },
  )
})

test('a text made by filling the stars of a pattern is matched by it', () => {
  const part = madeOf('ab/:-', 4)
  const filling = madeOf('ab-', 4)
  fc.assert(
    fc.property(part, fc.array(fc.tuple(filling, part), { maxLength: 5 }), (first, rest) => {
      const pattern = first + rest.map(([, literal]) => `*${literal}`).join('')
      const text = first + rest.map(([filled, literal]) => filled + literal).join('')
      assert(matches(pattern, text), `${pattern} ${text}`)
    }),
    { numRuns: 5_000 },
  )
})

test('no text takes long, however it is made: a backtracking matcher would never end with these', () => {
  const long = 'a'.repeat(100_000)
  assert.equal(matches(`${'*a'.repeat(30)}*b`, long), false)
  assert.equal(matches(`${'a*'.repeat(100)}b`, long), false)
  assert.equal(matches('*'.repeat(255), long), true)
  assert.equal(matches('*a'.repeat(127), long), true)
  assert.equal(matches(`*${'a'.repeat(250)}b`, long), false)
  assert.equal(matches(`${'*a'.repeat(30)}*b`, `${long}:b`), false)
})
