import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { startServing, until } from '../commands/serving.ts'
import { type Ended, run, startProgram } from '../commands/program.ts'
import { honest } from './honest.ts'

describe('session-gateway audit verify', { concurrency: true }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'session-gateway-verify-'))
  after(() => rmSync(folder, { recursive: true }))
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const put = (name: string, text: string | Buffer): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const key = put('public.pem', publicKey.export({ type: 'spki', format: 'pem' }))
  const closed = await honest({ key: privateKey })
  const open = await honest({ isClosed: false })
  const closedFile = put('closed.jsonl', closed.lines.join(''))
  const openFile = put('open.jsonl', open.lines.join(''))
  const log = (heads: typeof open.heads): string =>
    heads.map((head) => `${JSON.stringify({ level: 'info', ...head, msg: 'audit chain head' })}\n`).join('')
  const verify = (...args: string[]): Promise<Ended> => run(['audit', 'verify', ...args])

  test('says intact, what it has seen, and what it cannot know', async () => {
    const { code, stdout, stderr } = await verify(openFile)
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(
      stdout,
      new RegExp(
        `^chain ${open.last.chainUid}: 11 records, the last of 2026-11-24T.*; open at its end: still running, killed, or its tail was cut\\n` +
          'intact\\n' +
          'Without signatures this shows accidents: whoever can write the records can rewrite them all\\.\\n' +
          'Without --heads nobody can tell whether the tail of an open chain is missing\\.\\n$',
      ),
    )
  })

  test('keeps its verdict where nobody reads on, as behind head', async () => {
    const altered = put('unread.jsonl', open.lines.join('').replace('"Read"', '"Rind"'))
    await using program = startProgram(['audit', 'verify', altered])
    program.child.stdout?.destroy()
    const { code, stderr } = await program.ended
    assert.deepEqual([code, stderr], [1, ''])
  })

  test('says less of what it cannot know when it is given keys and heads', async () => {
    const { code, stdout } = await verify(closedFile, '--key', key)
    assert.equal(code, 0)
    assert.match(stdout, /^chain .*; closed; signed up to record \d+\nintact\n$/)
    const unchecked = await verify(closedFile)
    assert.match(unchecked.stdout, /; 3 signatures not checked, for want of --key\n/)
    const heads = await verify(openFile, '--heads', put('log.jsonl', log(open.heads)))
    assert.equal(heads.code, 0)
    assert.doesNotMatch(heads.stdout, /Without --heads/)
  })

  test('names what is not as it should be, the first one first, and exits with 1', async () => {
    const lines = closed.lines.map((line, at) => (at === 3 || at === 6 ? line.replace('Read', 'Rear') : line))
    const { code, stdout } = await verify(put('altered.jsonl', lines.join('')))
    assert.equal(code, 1)
    const { chainUid } = closed.last
    assert.match(
      stdout,
      new RegExp(
        `NOT INTACT {2}${join(folder, 'altered.jsonl')}:4: record 4 of chain ${chainUid} has been altered\\n` +
          `NOT INTACT {2}.*:7: record 7 of chain ${chainUid} has been altered\\n$`,
      ),
    )
    assert.doesNotMatch(stdout, /^intact/m)
    const unsigned = await verify(openFile, '--key', key)
    assert.equal(unsigned.code, 1)
    const cut = await verify(
      put('cut.jsonl', open.lines.slice(0, 3).join('')),
      '--heads',
      put('heads.jsonl', log(open.heads)),
    )
    assert.equal(cut.code, 1)
    assert.match(cut.stdout, /its tail is missing/)
  })

  test('shows twenty problems and counts the rest', async () => {
    const many = await honest({ records: 40 })
    const { code, stdout } = await verify(
      put('many.jsonl', many.lines.map((line) => line.replace('"level":"info"', '"level":"warn"')).join('')),
    )
    assert.equal(code, 1)
    assert.equal(stdout.match(/^NOT INTACT/gm)?.length, 20)
    assert.match(stdout, /^… and 22 more$/m)
  })

  test('reads standard input, several files, and lines in any order', async () => {
    const pieces = [closed.lines.slice(5), closed.lines.slice(0, 5)].map((lines, n) =>
      put(`piece-${n}.jsonl`, lines.join('')),
    )
    assert.equal((await verify(...pieces)).code, 1)
    assert.equal((await verify(...pieces.toReversed())).code, 0)
    assert.equal((await verify('--unordered', ...pieces)).code, 0)
    const piped = await run([closedFile], {
      through: ['sh', '-c', `exec "$0" "$1" audit verify - < "$2"`],
    })
    assert.deepEqual([piped.code, piped.stderr], [0, ''])
    assert.match(piped.stdout, /^intact$/m)
  })

  test('says where half a record stands', async () => {
    const { code, stdout } = await verify(
      put('half.jsonl', open.lines.join('') + open.lines[1]?.slice(0, 99)),
    )
    assert.equal(code, 0)
    assert.match(stdout, /half\.jsonl:12: cut here, in the middle of a record\n/)
  })

  test('tells which records nothing signs, and which chain is not here', async () => {
    const running = await honest({ key: privateKey, isClosed: false, records: 8 })
    const { code, stdout } = await verify(put('running.jsonl', running.lines.join('')), '--key', key)
    assert.equal(code, 0)
    assert.match(stdout, /signed up to record (\d+); records \d+ to \d+ ARE COVERED BY NO SIGNATURE\n/)
    const second = await honest({ previous: open.last })
    const later = put('later.jsonl', second.lines.join(''))
    const alone = await verify(later)
    assert.equal(alone.code, 0)
    assert.match(
      alone.stdout,
      new RegExp(`^chain ${open.last.chainUid}, which one of these follows, is not here$`, 'm'),
    )
    const third = await honest({ previous: second.last })
    const between = put('between.jsonl', [...open.lines, ...third.lines].join(''))
    assert.equal((await verify(between)).code, 1)
  })

  test('passes over a line that is longer than any string', async () => {
    const file = put('longest.jsonl', '')
    truncateSync(file, 600_000_000)
    const { code, stdout } = await verify(file)
    assert.equal(code, 1, stdout)
  })

  test('passes over a line of any length, in one go', async () => {
    const long = put('long.jsonl', `${closed.lines.join('')}${'x'.repeat(20_000_000)}\n`)
    const { code, stdout } = await verify(long)
    assert.equal(code, 1)
    assert.match(stdout, /long\.jsonl:\d+: no record of a chain/)
  })

  for (const [what, args, complaint] of [
    ['a file that is not there', () => [join(folder, 'missing')], /^error: ENOENT/],
    ['a key that is none', () => [openFile, '--key', openFile], /^error: --key: .* holds no Ed25519 key/],
    [
      'a key of another kind',
      () => [
        openFile,
        '--key',
        put(
          'rsa.pem',
          generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({
            type: 'spki',
            format: 'pem',
          }),
        ),
      ],
      /holds no Ed25519 key/,
    ],
    ['a log without a head', () => [openFile, '--heads', openFile], /no head line is in there/],
    ['nothing', () => [], /missing required argument/],
  ] as const) {
    test(`exits with 2 when it is given ${what}`, async () => {
      const { code, stdout, stderr } = await verify(...args())
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, complaint)
    })
  }
})

describe('records of a real gateway', { concurrency: true }, () => {
  test('can be verified, signed, with the heads of its own log, over two files', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const folder = mkdtempSync(join(tmpdir(), 'session-gateway-signed-'))
    const inFolder = (name: string): string => join(folder, name)
    writeFileSync(inFolder('audit.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(inFolder('audit.pub'), publicKey.export({ type: 'spki', format: 'pem' }))
    const audit = {
      sink: { file: inFolder('{hostname}.jsonl'), fsync: 'each-batch' },
      signingKeyFile: inFolder('audit.key'),
    }
    await using serving = await startServing({ config: { audit } })
    const { child, ended } = serving.program
    await Promise.all(Array.from({ length: 20 }, () => serving.ask()))
    const [name = ''] = readdirSync(folder).filter((each) => each.endsWith('.jsonl'))
    renameSync(inFolder(name), inFolder(`${name}.1`))
    const asking = Promise.all(Array.from({ length: 20 }, () => serving.ask()))
    child.kill('SIGHUP')
    await until(() => serving.logs.some(({ msg }) => /opened anew/.test(String(msg))))
    await asking
    assert.equal((await serving.ask()).status, 200)
    child.kill('SIGTERM')
    assert.equal((await ended).code, 0)
    const files = [inFolder(`${name}.1`), inFolder(name)]
    assert.ok(files.every((file) => readFileSync(file, 'latin1').endsWith('}\n')))
    writeFileSync(inFolder('log'), serving.program.stderr)
    const verified = await run([
      'audit',
      'verify',
      ...files,
      '--heads',
      inFolder('log'),
      '--key',
      inFolder('audit.pub'),
    ])
    assert.equal(verified.code, 0, verified.stdout)
    assert.match(verified.stdout, /: 43 records, .*; closed; signed up to record 43\nintact\n$/)
    rmSync(folder, { recursive: true })
  })

  test('can be verified where stdout is a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'session-gateway-redirected-'))
    const file = join(folder, 'audit.jsonl')
    {
      await using serving = await startServing({ through: ['sh', '-c', `exec "$0" "$@" > ${file}`] })
      await Promise.all(Array.from({ length: 20 }, () => serving.ask()))
      serving.program.child.kill('SIGTERM')
      assert.equal((await serving.program.ended).code, 0)
    }
    const { code, stdout } = await run(['audit', 'verify', file])
    assert.equal(code, 0, stdout)
    assert.match(stdout, /: 22 records, .*; closed\nintact\n/)
    rmSync(folder, { recursive: true })
  })
})
