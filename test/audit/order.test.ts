import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createChain } from '../../src/audit/chain.ts'
import { check, honest } from './honest.ts'
import { event, keys, open, problemsOf, read, resealed, unsigned } from './tampering.ts'

describe('order is seen:', () => {
  const { lines } = unsigned
  test('a file in no order at all, quickly, and how it can be checked', async () => {
    const many = await honest({ records: 6_000, everyMs: 0 })
    const odd = many.lines.filter((_, at) => at % 2 === 1)
    const even = many.lines.filter((_, at) => at % 2 === 0)
    assert.match((await problemsOf([...odd, ...even])).join(), /are in no order: check them with --unordered/)
    assert.deepEqual(await problemsOf([...odd, ...even], { isUnordered: true }), [])
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

  test('a chain that nobody has opened, and with keys one in which nothing is signed', async () => {
    const chain = createChain()
    const forged = [1, 2].map((sequence) => chain.seal(read(sequence)))
    assert.deepEqual(await problemsOf(forged), [`0:1 record 1 of chain ${chain.uid} does not open its chain`])
    assert.match((await problemsOf(forged, { keys })).join(), /nothing in it is signed/)
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
})
