import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { inspect } from 'node:util'
import { StartFailure } from '../../src/errors.ts'
import type { Polled } from '../../src/polled.ts'
import { watchKeys, type Keys } from '../../src/shared/index.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'

const pollMs = 10_000
const newKey = (): string => randomBytes(32).toString('base64')
const [first, second, third] = [newKey(), newKey(), newKey()]

let folder = ''
let file = ''
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'session-gateway-keys-'))
  file = join(folder, 'keys')
})
after(() => rmSync(folder, { recursive: true }))

interface Watched {
  readonly keys: Polled<Keys>
  readonly clock: FakeClock
  /** What the observer was told since it was last asked. */
  readonly told: () => (string | undefined)[]
  /** Turns the clock to the next look at the file, and waits until it has been looked at. */
  readonly look: () => Promise<void>
}

async function watch(text: string): Promise<Watched> {
  await writeFile(file, text)
  const clock = createFakeClock()
  const told: (string | undefined)[] = []
  const keys = await watchKeys({ file, clock, observer: (problem) => told.push(problem) })
  return {
    keys,
    clock,
    told: () => told.splice(0),
    async look() {
      clock.advance(pollMs)
      while (clock.pending === 0) await new Promise(setImmediate)
    },
  }
}

function shown({ writing, readable }: Keys): string[] {
  assert.equal(writing, readable[0])
  return readable.map(({ id, master }) => `${id} ${master.export().toString('base64')}`)
}

async function failureOf(start: Promise<unknown>): Promise<string> {
  const error = await start.then(
    () => undefined,
    (failure: unknown) => failure,
  )
  assert.ok(error instanceof StartFailure, String(error))
  return error.message
}

describe('the file of keys', () => {
  test('has one or two, the first of which writes; remarks and empty lines are passed over', async () => {
    const { keys } = await watch(`a ${first}`)
    assert.deepEqual(shown(keys.current), [`a ${first}`])
    const both = await watch(
      `# new since Tuesday\r\n\r\n  2026-12\t ${second} \r\n#old\n\n2026-11 ${first}\n`,
    )
    assert.deepEqual(shown(both.keys.current), [`2026-12 ${second}`, `2026-11 ${first}`])
    assert.equal(both.keys.problem, undefined)
  })

  const line = 'the key must be base64 of exactly 32 bytes, as `openssl rand -base64 32` writes it'
  const id = 'the id must be 1 to 32 of A-Z a-z 0-9 . _ -'
  const bad: readonly (readonly [what: string, text: string, message: string])[] = [
    ['is empty', '', ' holds no key: write one as `<id> <base64 of 32 bytes>`'],
    ['has remarks only', '# a\n\n', ' holds no key: write one as `<id> <base64 of 32 bytes>`'],
    ['has a key without an id', `\n${first}\n`, ', line 2: expected `<id> <base64 of 32 bytes>`'],
    ['has an id without a key', 'a\n', ', line 1: expected `<id> <base64 of 32 bytes>`'],
    ['has more in a line', `a ${first} b`, ', line 1: expected `<id> <base64 of 32 bytes>`'],
    ['has a key where its id belongs', `${first} a`, `, line 1: ${id}`],
    ['has an id that is too long', `${'a'.repeat(33)} ${first}`, `, line 1: ${id}`],
    ['has 31 bytes', `a ${randomBytes(31).toString('base64')}`, `, line 1: ${line}`],
    ['has 33 bytes', `a ${randomBytes(33).toString('base64')}`, `, line 1: ${line}`],
    ['has hexadecimal', `a ${randomBytes(32).toString('hex')}`, `, line 1: ${line}`],
    ['has no padding', `a ${first.replace('=', '')}`, `, line 1: ${line}`],
    ['has a letter that is no base64', `a ${first.slice(0, 20)}!${first.slice(21)}`, `, line 1: ${line}`],
    [
      'has bits that are no byte',
      `a ${Buffer.alloc(32, 1).toString('base64').replace('E=', 'F=')}`,
      `, line 1: ${line}`,
    ],
    [
      'has a key that is none',
      `a ${Buffer.alloc(32).toString('base64')}`,
      ', line 1: the key is one byte 32 times: make one with `openssl rand -base64 32`',
    ],
    [
      'has a third key',
      `a ${first}\nb ${second}\n#\nc ${third}`,
      ', line 4: a third key, and two are read at most: remove the oldest one',
    ],
    [
      'has an id twice',
      `a ${first}\n\na ${second}`,
      ', line 3: the id of line 1 again: give each key its own',
    ],
    [
      'has a key twice',
      `a ${first}\nb ${first}`,
      ', line 2: the key of line 1 again: a new id needs a new key',
    ],
  ]
  for (const [what, text, message] of bad) {
    test(`is refused at the start when it ${what}, with its line and nothing of its content`, async () => {
      const failure = await failureOf(watch(text))
      assert.equal(failure, `cache.shared.keysFile: ${file}${message}`)
      const content = text.split(/\s+/).filter((word) => word.length > 2)
      for (const word of content) assert.ok(!failure.includes(word))
    })

    test(`when it becomes one that ${what}, the keys before stay in use, and that is told once`, async () => {
      const { keys, look, told } = await watch(`a ${third}`)
      await writeFile(file, text)
      await look()
      await look()
      assert.deepEqual(shown(keys.current), [`a ${third}`])
      assert.equal(keys.problem, `${file}${message}`)
      assert.deepEqual(told(), [`${file}${message}`])
    })
  }

  test('that is missing, a folder or a pipe is refused, and nothing waits for it', async () => {
    const start = (path: string) =>
      failureOf(watchKeys({ file: path, clock: createFakeClock(), observer: () => {} }))
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const begin = (path: string) => `cache.shared.keysFile: ${path} cannot be read`
    assert.equal(await start('/nowhere/keys'), `${begin('/nowhere/keys')} (ENOENT)`)
    assert.equal(await start(folder), `${begin(folder)} (it is no regular file)`)
    assert.equal(await start(pipe), `${begin(pipe)} (it is no regular file)`)
  })
})

describe('a rotation', () => {
  test('is seen at the next look, by content, and told once for each step', async () => {
    const { keys, look, told } = await watch(`a ${first}`)
    for (const lines of [
      [`a ${first}`, `b ${second}`],
      [`b ${second}`, `a ${first}`],
      [`b ${second}`],
      [`b ${third}`],
      [`c ${third}`],
    ]) {
      await writeFile(file, lines.join('\n'))
      await look()
      assert.deepEqual(shown(keys.current), lines)
      assert.deepEqual(told(), [undefined])
      await look()
      assert.deepEqual(told(), [])
    }
  })

  test('is seen through a symlink that is swapped, as Kubernetes does it', async () => {
    const paths = ['..1', '..2'].map((name) => join(folder, name))
    for (const [index, path] of paths.entries()) {
      await mkdir(path)
      await writeFile(join(path, 'keys'), `${index} ${index === 0 ? first : second}`)
    }
    await rm(file, { force: true })
    const [current, next] = [join(folder, '..current'), join(folder, '..next')]
    await symlink('..1', current)
    const clock = createFakeClock()
    const keys = await watchKeys({ file: join(current, 'keys'), clock, observer: () => {} })
    await symlink('..2', next)
    await rename(next, current)
    clock.advance(pollMs)
    while (clock.pending === 0) await new Promise(setImmediate)
    assert.deepEqual(shown(keys.current), [`1 ${second}`])
  })

  test('of remarks only is none: the keys in use are the same objects', async () => {
    const { keys, look, told } = await watch(`a ${first}`)
    const inUse = keys.current
    await writeFile(file, `# changed\na ${first}`)
    await look()
    assert.equal(keys.current, inUse)
    assert.deepEqual(told(), [])
  })

  test('that goes wrong in another way is told again, and so is its end', async () => {
    const { keys, look, told } = await watch(`a ${first}`)
    await writeFile(file, 'a')
    await look()
    await rm(file)
    await look()
    await writeFile(file, `a ${first}`)
    await look()
    assert.deepEqual(told(), [
      `${file}, line 1: expected \`<id> <base64 of 32 bytes>\``,
      `${file} cannot be read (ENOENT)`,
      undefined,
    ])
    assert.equal(keys.problem, undefined)
  })

  test('is not looked for after the end', async () => {
    const { keys, clock } = await watch(`a ${first}`)
    keys.close()
    assert.equal(clock.pending, 0)
  })
})

test('keys print nothing of themselves', async () => {
  const { keys } = await watch(`a ${first}\nb ${second}`)
  const printed = [
    inspect(keys, { depth: null, showHidden: true, getters: true }),
    inspect(keys.current, { depth: null, showHidden: true }),
    JSON.stringify(keys.current),
  ].join('\n')
  for (const encoded of [first, second]) {
    const secret = Buffer.from(encoded, 'base64')
    for (const form of ['hex', 'base64', 'latin1'] as const) {
      assert.ok(!printed.includes(secret.toString(form).slice(0, 12)))
    }
    assert.ok(!printed.includes(secret.subarray(0, 4).join(', ')))
  }
})
