import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { check, honest } from './honest.ts'
import { meaning, open, problemsOf, resealed, rewrite, signed, text, unsigned } from './tampering.ts'

describe('tampering is found:', () => {
  test('any byte that is changed, at any place, unless it says the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: text.length - 2 }), fc.integer({ min: 1, max: 127 }), async (at, by) => {
        const changed = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ by) + text.slice(at + 1)
        const { problems } = await check(changed)
        const [first] = problems
        if (first === undefined) return assert.deepEqual(meaning(changed), meaning(text))
        const line = text.slice(0, at).split('\n').length
        const places = [line, line + 1].map((number) => `0:${number}`)
        assert.ok(
          places.includes(first.where.name),
          `${first.where.name} ${first.what}, not ${places.join(' or ')}`,
        )
      }),
      { numRuns: 2_000 },
    )
  })

  test('any piece that is cut out, put in or repeated inside the text', async () => {
    const place = fc.nat({ max: text.length - 1 })
    await fc.assert(
      fc.asyncProperty(place, place, fc.constantFrom('cut', 'repeat', 'insert'), async (a, b, how) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)]
        const middle = text.slice(from, to)
        const instead =
          how === 'cut' ? '' : how === 'repeat' ? middle + middle : `${middle}{"status_code":"200"}`
        const changed = text.slice(0, from) + instead + text.slice(to)
        const { problems } = await check(changed)
        // No chain shows that its tail is cut.
        if (problems.length > 0 || text.startsWith(changed.trimEnd())) return
        assert.deepEqual(meaning(changed), meaning(text))
      }),
      { numRuns: 2_000 },
    )
  })

  const { lines } = unsigned

  for (const at of [0, 1, 5, lines.length - 2, lines.length - 1]) {
    test(`record ${at + 1} left out`, async () => {
      const problems = await problemsOf(lines.toSpliced(at, 1))
      if (at === lines.length - 1)
        return assert.deepEqual(problems, [], 'no chain shows that its tail is cut')
      assert.equal(problems.length, 1)
      assert.match(problems[0] ?? '', new RegExp(`^0:${at + 1} record ${at + 1} of chain .* missing`))
    })

    test(`record ${at + 1} there twice, at once or later`, async () => {
      const line = lines[at] ?? ''
      for (const changed of [lines.toSpliced(at, 0, line), [...lines, line]]) {
        const problems = await problemsOf(changed)
        assert.match(problems[0] ?? '', new RegExp(`record ${at + 1} of chain .* is there twice`))
        assert.equal(problems.length, 1)
      }
    })

    if (at + 1 < lines.length) {
      test(`records ${at + 1} and ${at + 2} in each other’s place`, async () => {
        const [first = '', second = ''] = lines.slice(at)
        const problems = await problemsOf(lines.toSpliced(at, 2, second, first))
        assert.ok(
          problems.some(
            (each) => each.startsWith(`0:${at + 2} record ${at + 1} of`) && /out of order/.test(each),
          ),
          problems.join('\n'),
        )
      })
    }

    test(`record ${at + 1} altered, and its fingerprint made anew`, async () => {
      const { chainUid } = unsigned.last
      const line = lines[at] ?? ''
      const altered = resealed(line.replace('"duration":', '"duration":9'))
      if (altered === line) return
      const problems = await problemsOf(lines.toSpliced(at, 1, altered))
      if (at === lines.length - 1) return assert.deepEqual(problems, [])
      assert.deepEqual(problems, [
        `0:${at + 2} record ${at + 2} of chain ${chainUid} does not follow from record ${at + 1}: that one has been replaced`,
      ])
    })
  }

  test('the first one first, and without what only follows from it', async () => {
    const { chainUid } = unsigned.last
    const renumbered = lines.with(5, (lines[5] ?? '').replace('"sequence":6', '"sequence":6000000'))
    assert.deepEqual(await problemsOf(renumbered), [
      `0:6 record 6000000 of chain ${chainUid} has been altered`,
      `0:7 record 6 of chain ${chainUid}, before this one: missing`,
    ])
    const both = lines.with(8, (lines[8] ?? '').replace('Read', 'Rear')).toSpliced(2, 1)
    assert.deepEqual(await problemsOf(both), [
      `0:3 record 3 of chain ${chainUid}, before this one: missing`,
      `0:8 record 9 of chain ${chainUid} has been altered`,
    ])
  })

  test('the tail cut, where heads were told', async () => {
    const { heads } = open
    const { sequence = 0 } = heads.at(-1) ?? {}
    assert.deepEqual(await problemsOf(open.lines.slice(0, sequence), { heads }), [])
    const problems = await problemsOf(open.lines.slice(0, sequence - 1), { heads })
    assert.equal(problems.length, 1)
    assert.match(problems[0] ?? '', /a head line names record \d+: its tail is missing/)
    const gone = await problemsOf(signed.lines, { heads })
    assert.ok(gone.length > 0 && gone.every((each) => /none of it is here/.test(each)))
  })

  test('everything rewritten from some record on, where heads were told; and heads that contradict each other', async () => {
    const { heads } = open
    const rewritten = rewrite(open.lines, 3)
    assert.deepEqual(await problemsOf(rewritten), [], 'unsigned, and without heads, nobody can tell')
    const problems = await problemsOf(rewritten, { heads })
    assert.match(problems[0] ?? '', /is not the one that a head line names: it has been rewritten/)
    const [head] = heads
    assert.ok(head)
    const forged = { ...head, fingerprint: '0'.repeat(64) }
    assert.match((await problemsOf(open.lines, { heads: [head, forged] })).join(), /contradict each other/)
  })

  test('the tail of a chain cut, or all of it gone, where its successor names it', async () => {
    const second = await honest({ previous: open.last })
    const third = await honest({ previous: second.last })
    const cut = await problemsOf([...open.lines.slice(0, -1), ...second.lines])
    assert.equal(cut.length, 1)
    assert.match(cut[0] ?? '', /its successor \(0:\d+\) names record \d+: its tail is missing/)
    assert.match((await problemsOf([...open.lines, ...third.lines])).join(), /does not stand before it/)
    assert.match(
      (await problemsOf([...second.lines, ...open.lines])).join(),
      /^$/,
      'what comes later is not its end',
    )
    assert.match(
      (await problemsOf([...open.lines, ...third.lines, ...second.lines])).join(),
      /does not stand before it/,
    )
    const other = await honest({ previous: { ...open.last, fingerprint: '0'.repeat(64) } })
    assert.match((await problemsOf([...open.lines, ...other.lines])).join(), /does not end as its successor/)
  })

  for (const [what, fake] of [
    ['an event without a chain', '{"level":"info","time":1,"class_uid":6003,"status_code":"200"}'],
    ['what looks like an event and a line of a log', '{"level":"info","msg":"","type_uid":600302,"api":{}}'],
    ['text', 'nothing of the kind'],
    ['a list', '[]'],
    ['a line that is longer than any record', `{"level":"info","msg":"${'x'.repeat(70_000)}"}`],
  ]) {
    test(`${what}, put between records or at the end`, async () => {
      for (const end of ['\n', '']) {
        const problems = await problemsOf([...lines, `${fake}${end}`])
        assert.deepEqual(problems, [
          `0:${lines.length + 1} no record of a chain: altered, or put here by somebody`,
        ])
      }
      assert.equal((await problemsOf(lines.toSpliced(4, 0, `${fake}\n`))).length, 1)
    })
  }

  test('a value that a reader takes before the true one, or after it', async () => {
    const line = lines[3] ?? ''
    for (const changed of [
      line.replace('{', '{"status_code":"200",'),
      line.replace(/\}\n$/, ',"status_code":"200"}\n'),
      line.replace('"unmapped":{', '"unmapped":{"cache":"none",'),
      line.replace('"unmapped":{', '"unmapped":{},"unmapped":{'),
      `${line.trimEnd()} ${line}`,
      line.replace('"status_id":1', '"status_id":1.0'),
    ]) {
      assert.notEqual(changed, line)
      assert.ok((await problemsOf(lines.with(3, changed))).length > 0, changed)
    }
  })

  test('nothing at all', async () => {
    assert.deepEqual(await problemsOf([]), ['everywhere there is no record of a chain'])
  })

  for (const name of ['class_uid', 'type_uid', 'actor', 'api', 'metadata', 'unmapped']) {
    test(`a line of a log with ${name}`, async () => {
      assert.equal((await problemsOf([...lines, `{"level":"info","msg":"","${name}":1}\n`])).length, 1)
    })
  }

  test('an object without a level, or without a message', async () => {
    for (const fake of ['{"level":"info"}\n', '{"msg":""}\n'])
      assert.equal((await problemsOf([...lines, fake])).length, 1)
  })

  test('an event without a time, and one that is too long, as the last line of a file', async () => {
    const timeless = resealed((lines[5] ?? '').replace(/"time":\d+/, '"time":"never"'))
    assert.match((await problemsOf(lines.with(5, timeless))).join(), /^0:6 no record of a chain/)
    const long = (lines[5] ?? '').replace('"level"', `"pad":"${'x'.repeat(70_000)}","level"`).trimEnd()
    for (const last of [long, long.slice(0, 20_000)]) {
      assert.match((await problemsOf([...lines, last])).join(), /no record of a chain/)
    }
  })

  test('more than there is room to tell, quickly', async () => {
    const { problems, untold } = await check('x\n'.repeat(50_000))
    assert.equal(problems.length + untold, 50_001)
    assert.ok(problems.length <= 10_000)
  })
})
