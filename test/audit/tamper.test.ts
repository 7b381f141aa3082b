import assert from 'node:assert/strict'
import { generateKeyPairSync, hash } from 'node:crypto'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { createChain } from '../../src/audit/chain.ts'
import { createRecordFormat } from '../../src/audit/record.ts'
import { check, honest } from './honest.ts'

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const keys = [publicKey]
const [unsigned, signed, open] = await Promise.all([
  honest(),
  honest({ key: privateKey }),
  honest({ isClosed: false }),
])
const text = unsigned.lines.join('')

/** The problems, the first of them at least at this line. */
async function problemsOf(lines: readonly string[], options = {}): Promise<string[]> {
  const { problems } = await check(lines.join(''), options)
  return problems.map(({ where, what }) => `${where.name} ${what}`)
}

/** What a reader of the records would make of it: each line as an object. */
function meaning(of: string): unknown[] {
  return of.split('\n').map((line) => {
    try {
      return JSON.parse(line)
    } catch {
      return line
    }
  })
}

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
})

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

  test('with the public key: rewritten, stripped of a signature, signed by another, or by nobody', async () => {
    const all = { keys }
    for (const from of [1, 2, 6]) {
      const problems = await problemsOf(rewrite(signed.lines, from), all)
      assert.match(problems.join('\n'), /is not signed, and should be/, `rewritten from ${from}`)
    }
    const stripped = signed.lines.map((line) => line.replace(/,"signatures":\[.*\]\}\]\}\}/, '}]}}'))
    assert.equal(
      (await problemsOf(stripped, all)).length,
      3 + 1,
      'three that should be signed, and nothing is',
    )
    assert.equal((await problemsOf(signed.lines.with(0, stripped[0] ?? ''), all)).length, 1)
    const stranger = generateKeyPairSync('ed25519')
    const byAnother = await honest({ key: stranger.privateKey })
    assert.match(
      (await problemsOf(byAnother.lines, all)).join(),
      /is signed with key [0-9a-f]{16}, not with yours/,
    )
    assert.deepEqual(await problemsOf(byAnother.lines, { keys: [...keys, stranger.publicKey] }), [])
    assert.match((await problemsOf(unsigned.lines, all)).join(), /is not signed, and should be/)
    const signature = /"value":"([A-Za-z0-9+/]{86}==)"/
    const [, swapped = ''] = signature.exec(signed.lines.at(-1) ?? '') ?? []
    const replayed = signed.lines.with(0, (signed.lines[0] ?? '').replace(signature, `"value":"${swapped}"`))
    assert.match(
      (await problemsOf(replayed, all)).join(),
      /the signature of record 1 of chain .* does not hold/,
    )
  })

  test('with the public key: records after the newest signature are told, and too many of them are a problem', async () => {
    const running = await honest({ key: privateKey, isClosed: false, records: 8 })
    const report = await check(running.lines.join(''), { keys })
    assert.deepEqual(report.problems, [])
    const { signedUpTo = 0, last } = report.chains[0] ?? {}
    assert.ok(signedUpTo > 1 && signedUpTo < (last?.sequence ?? 0))
    const long = await honest({ key: privateKey, isClosed: false, records: 100 })
    const withoutCheckpoints = rewrite(
      long.lines.filter((line) => !line.includes('audit.chain.checkpoint')),
      2,
    )
    assert.match(
      (await problemsOf(withoutCheckpoints, { keys })).join(),
      /longer than a gateway leaves it so/,
    )
  })

  test('with the public key, an honest chain that was silent for long is no problem', async () => {
    const silent = await honest({ key: privateKey, isClosed: false, records: 3, everyMs: 0 })
    assert.deepEqual((await check(silent.lines.join(''), { keys })).problems, [])
    const slow = await honest({ key: privateKey, isClosed: false, records: 5, everyMs: 600_000 })
    assert.deepEqual((await check(slow.lines.join(''), { keys })).problems, [])
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

  test('a file in no order at all, quickly, and how it can be checked', async () => {
    const many = await honest({ records: 6_000, everyMs: 0 })
    const odd = many.lines.filter((_, at) => at % 2 === 1)
    const even = many.lines.filter((_, at) => at % 2 === 0)
    assert.match((await problemsOf([...odd, ...even])).join(), /are in no order: check them with --unordered/)
    assert.deepEqual(await problemsOf([...odd, ...even], { isUnordered: true }), [])
  })

  test('nothing at all', async () => {
    assert.deepEqual(await problemsOf([]), ['everywhere there is no record of a chain'])
  })
})

describe('tampering is found in odd places, too:', () => {
  const { lines } = unsigned
  const format = createRecordFormat({ version: '1', tenantId: 't', hostName: 'h' })
  const event = (sequence: number, name: 'chain.open' | 'chain.close' = 'chain.open'): string =>
    format.event({ name, time: 1, uid: 'u' }, sequence)

  test('in any order, several chains of one file', async () => {
    const chains = [await honest({ isClosed: false, records: 1 })]
    for (let n = 0; n < 8; n += 1)
      chains.push(await honest({ previous: chains.at(-1)?.last, isClosed: false, records: 1 }))
    const all = chains.flatMap((each) => each.lines)
    assert.deepEqual(await problemsOf(all, { isUnordered: true }), [])
    assert.deepEqual(await problemsOf(all.toReversed(), { isUnordered: true }), [])
  })

  test('in any order, another record with the number of one that is there', async () => {
    // Whichever of the two fingerprints is the smaller one.
    for (let n = 1; n <= 9; n += 1) {
      const forged = resealed((lines[5] ?? '').replace('"duration":', `"duration":${n}`))
      assert.match((await problemsOf([...lines, forged], { isUnordered: true })).join(), /is there twice/)
    }
  })

  test('records behind the end of their chain', async () => {
    const chain = createChain()
    const all = [event(1), event(2, 'chain.close'), event(3), event(4)].map((line) => chain.seal(line))
    const { problems, chains } = await check(all.join(''))
    assert.deepEqual(
      problems.map(({ where, what }) => `${where.name} ${what.replace(/.*chain \S+ /, '')}`),
      ['0:3 stands behind the end of its chain', '0:4 stands behind the end of its chain'],
    )
    assert.equal(chains[0]?.isClosed, true)
  })

  test('in any order, an altered copy beside the true one', async () => {
    const altered = (lines[5] ?? '').replace('"duration":', '"duration":9')
    for (const changed of [
      [...lines, altered],
      [altered, ...lines],
    ]) {
      assert.match((await problemsOf(changed, { isUnordered: true })).join(), /has been altered/)
    }
  })

  test('a record left out that a head names is missing, and is no tail', async () => {
    const { heads } = open
    const { sequence = 0 } = heads[0] ?? {}
    const problems = await problemsOf(open.lines.toSpliced(sequence - 1, 1), { heads })
    assert.equal(problems.length, 1)
    assert.match(problems[0] ?? '', /before this one: missing/)
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

  test('a chain that nobody has opened, and with keys one in which nothing is signed', async () => {
    const chain = createChain()
    const record = { action: 'read', time: 1, durationMs: 1, requestId: 'r', peer: {}, status: 200 } as const
    const forged = [1, 2].map((sequence) => chain.seal(format.request(record, sequence)))
    assert.deepEqual(await problemsOf(forged), [`0:1 record 1 of chain ${chain.uid} does not open its chain`])
    assert.match((await problemsOf(forged, { keys })).join(), /nothing in it is signed/)
  })

  test('an event without a time, and one that is too long, as the last line of a file', async () => {
    const timeless = resealed((lines[5] ?? '').replace(/"time":\d+/, '"time":"never"'))
    assert.match((await problemsOf(lines.with(5, timeless))).join(), /^0:6 no record of a chain/)
    const long = (lines[5] ?? '').replace('"level"', `"pad":"${'x'.repeat(70_000)}","level"`).trimEnd()
    for (const last of [long, long.slice(0, 20_000)]) {
      assert.match((await problemsOf([...lines, last])).join(), /no record of a chain/)
    }
  })

  test('a signature in another spelling, and one beside another in any order', async () => {
    const last = signed.lines.at(-1) ?? ''
    const [, value = ''] = /"value":"([A-Za-z0-9+/]{86}==)"/.exec(last) ?? []
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    const spare = alphabet[alphabet.indexOf(value[85] ?? '') + 1] ?? ''
    const respelt = last.replace(value, `${value.slice(0, 85)}${spare}==`)
    assert.ok(Buffer.from(value, 'base64').equals(Buffer.from(`${value.slice(0, 85)}${spare}==`, 'base64')))
    assert.match(
      (await problemsOf(signed.lines.with(signed.lines.length - 1, respelt), { keys })).join(),
      /does not hold/,
    )
    for (const both of [
      [last, respelt],
      [respelt, last],
    ]) {
      const all = [...signed.lines.slice(0, -1), ...both]
      assert.match((await problemsOf(all, { keys, isUnordered: true })).join(), /does not hold/)
    }
  })

  test('more than there is room to tell, quickly', async () => {
    const { problems, untold } = await check('x\n'.repeat(50_000))
    assert.equal(problems.length + untold, 50_001)
    assert.ok(problems.length <= 10_000)
  })

  test('a first record that names another', async () => {
    const chain = createChain()
    chain.seal(event(1))
    assert.match(
      (await problemsOf([chain.seal(event(1))])).join(),
      /names a record before it, and is the first/,
    )
  })

  test('a record that is out of order and does not fit', async () => {
    for (const at of [4, 5]) {
      const forged = resealed((lines[at] ?? '').replace('"duration":', '"duration":9'))
      const moved = lines.toSpliced(at, 1).toSpliced(8, 0, forged)
      assert.match((await problemsOf(moved)).join(), /does not fit between its neighbours/)
    }
  })
  test('two neighbours out of order fit, and are not said to be replaced', async () => {
    for (const later of [
      [4, 5],
      [5, 4],
    ]) {
      const moved = [...lines.toSpliced(4, 2), ...later.map((at) => lines[at] ?? '')]
      const problems = await problemsOf(moved)
      assert.equal(problems.length, 2, problems.join())
      assert.ok(problems.every((each) => /is out of order/.test(each)))
    }
    const forged = resealed((lines[4] ?? '').replace('"duration":', '"duration":9'))
    for (const later of [
      [forged, lines[5] ?? ''],
      [lines[5] ?? '', forged],
    ]) {
      assert.match((await problemsOf([...lines.toSpliced(4, 2), ...later])).join(), /does not fit between/)
    }
  })
  test('a signature on a record that needs none must hold, too', async () => {
    const chain = createChain(privateKey)
    const first = chain.seal(event(1), true)
    const second = chain.seal(
      format.request({ action: 'read', time: 2, durationMs: 1, requestId: 'r', peer: {}, status: 200 }, 2),
      true,
    )
    const forged = second.replace(/"value":"[A-Za-z0-9+/]{86}==/, `"value":"${'A'.repeat(86)}==`)
    assert.deepEqual(await problemsOf([first, second], { keys }), [])
    assert.match((await problemsOf([first, forged], { keys })).join(), /does not hold/)
  })
})

/** As somebody would who can write the file, and knows how it is made. */
function resealed(line: string, previous?: string): string {
  const [, before = '', prev = ''] =
    /^(.*"unmapped":\{.*?),?"attestation_list":\[\{"chain_uid":"[^"]*"(?:,"prev_event":\{"fingerprint":\{"algorithm_id":3,"value":"([0-9a-f]{64})"\}\})?,/.exec(
      line,
    ) ?? []
  const [, uid = ''] = /"chain_uid":"([^"]*)"/.exec(line) ?? []
  const chain = createChain()
  const made = chain.seal(before).replace(chain.uid, uid)
  const linked = previous ?? prev
  const covered = made.slice(0, made.lastIndexOf(',"fingerprint"'))
  return sealWith(
    linked === ''
      ? covered
      : `${covered},"prev_event":{"fingerprint":{"algorithm_id":3,"value":"${linked}"}}`,
  )
}

function sealWith(covered: string): string {
  const fingerprint = hash('sha256', covered)
  return `${covered},"fingerprint":{"algorithm_id":3,"value":"${fingerprint}"}}]}}\n`
}

/** Each record from this one on says something else, and the chain is made anew; signatures are lost. */
function rewrite(of: readonly string[], from: number): string[] {
  const rewritten = of.slice(0, from - 1)
  for (const line of of.slice(from - 1)) {
    const [, previous] =
      /,"fingerprint":\{"algorithm_id":3,"value":"([0-9a-f]{64})"\}(?!.*,"fingerprint")/.exec(
        rewritten.at(-1) ?? '',
      ) ?? []
    const sequence = `"sequence":${rewritten.length + 1}`
    rewritten.push(
      resealed(line.replace(/"sequence":\d+/, sequence).replace('"request-', '"other-'), previous),
    )
  }
  return rewritten
}
