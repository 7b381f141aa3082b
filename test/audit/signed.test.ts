import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { createChain } from '../../src/audit/chain.ts'
import { check, honest } from './honest.ts'
import { event, keys, privateKey, problemsOf, read, rewrite, signed, unsigned } from './tampering.ts'

describe('with the public key', () => {
  test('rewritten, stripped of a signature, signed by another, or by nobody', async () => {
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

  test('records after the newest signature are told, and too many of them are a problem', async () => {
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

  test('an honest chain that was silent for long is no problem', async () => {
    const silent = await honest({ key: privateKey, isClosed: false, records: 3, everyMs: 0 })
    assert.deepEqual((await check(silent.lines.join(''), { keys })).problems, [])
    const slow = await honest({ key: privateKey, isClosed: false, records: 5, everyMs: 600_000 })
    assert.deepEqual((await check(slow.lines.join(''), { keys })).problems, [])
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

  test('a signature on a record that needs none must hold, too', async () => {
    const chain = createChain(privateKey)
    const first = chain.seal(event(1), true)
    const second = chain.seal(read(2), true)
    const forged = second.replace(/"value":"[A-Za-z0-9+/]{86}==/, `"value":"${'A'.repeat(86)}==`)
    assert.deepEqual(await problemsOf([first, second], { keys }), [])
    assert.match((await problemsOf([first, forged], { keys })).join(), /does not hold/)
  })
})
