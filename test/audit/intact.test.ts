import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { check, honest } from './honest.ts'
import { keys, open, problemsOf, signed, unsigned } from './tampering.ts'

describe('an honest trail is intact', () => {
  test('closed, open, signed, with its heads', async () => {
    for (const { lines, heads } of [unsigned, signed, open]) {
      const report = await check(lines.join(''), { heads })
      assert.deepEqual(report.problems, [])
      assert.equal(report.chains.length, 1)
      assert.equal(report.chains[0]?.records, lines.length)
      assert.equal(report.chains[0]?.isClosed, lines !== open.lines)
    }
    const report = await check(signed.lines.join(''), { keys, heads: signed.heads })
    assert.deepEqual([report.problems, report.chains[0]?.signedUpTo], [[], signed.lines.length])
    assert.equal((await check(signed.lines.join(''))).chains[0]?.unchecked, 3)
  })

  test('in pieces, in one file with others, and after a restart in the same file', async () => {
    const { lines } = unsigned
    const pieces = [lines.slice(0, 4).join(''), lines.slice(4).join('')]
    assert.deepEqual((await check(pieces)).problems, [])
    const interleaved = unsigned.lines.flatMap((line, at) => [line, signed.lines[at] ?? '']).join('')
    assert.deepEqual((await check(interleaved)).problems, [])
    const second = await honest({ previous: open.last })
    const third = await honest({ previous: second.last })
    const together = [open, second, third].flatMap((each) => each.lines)
    assert.deepEqual((await check(together.join(''))).problems, [])
    const { problems, absent } = await check(second.lines.join(''))
    assert.deepEqual([problems, absent], [[], [open.last.chainUid]], 'the file before has been moved away')
  })

  test('when a process was killed in the middle of a record, and says so', async () => {
    for (const length of [1, 30, 300]) {
      const half = (open.lines.at(-1) ?? '').slice(0, length)
      const report = await check(open.lines.slice(0, -1).join('') + half)
      assert.deepEqual([report.problems, report.torn], [[], [`0:${open.lines.length}`]])
    }
  })

  test('when a log store has printed it anew, in whatever spacing and with whatever escapes', async () => {
    const compact = unsigned.lines.map((line) => JSON.stringify(JSON.parse(line)))
    const spaced = unsigned.lines.map((line) =>
      JSON.stringify(JSON.parse(line), undefined, 1).replaceAll('\n', ''),
    )
    for (const lines of [compact, spaced]) {
      const report = await check(lines.map((line) => `${line}\n`).join(''))
      assert.deepEqual(report.problems, [])
      assert.ok(report.reprinted > 0)
    }
  })

  test('when it comes in any order, and more than once, to whoever says so', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([...signed.lines], { minLength: signed.lines.length }),
        fc.subarray([...signed.lines]),
        async (shuffled, again) => {
          const reprinted = again.map((line) => `${JSON.stringify(JSON.parse(line))}\n`)
          const lines = [...again, ...shuffled, ...reprinted]
          assert.deepEqual(await problemsOf(lines, { isUnordered: true, keys }), [])
        },
      ),
      { numRuns: 50 },
    )
  })

  test('with lines of a log, empty ones and CRLF in it', async () => {
    const log = '{"level":"info","time":"2026-11-24T00:00:00Z","msg":"listening"}'
    const lines = unsigned.lines.flatMap((line) => [line.replace('\n', '\r\n'), `${log}\n`, '\n'])
    const report = await check(lines.join(''))
    assert.deepEqual([report.problems, report.others], [[], 2 * unsigned.lines.length])
  })

  test('in any order, several chains of one file', async () => {
    const chains = [await honest({ isClosed: false, records: 1 })]
    for (let n = 0; n < 8; n += 1)
      chains.push(await honest({ previous: chains.at(-1)?.last, isClosed: false, records: 1 }))
    const all = chains.flatMap((each) => each.lines)
    assert.deepEqual(await problemsOf(all, { isUnordered: true }), [])
    assert.deepEqual(await problemsOf(all.toReversed(), { isUnordered: true }), [])
  })
})
