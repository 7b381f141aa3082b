import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createKeyHolder, type KeyHolder, type NewKeys, type Published } from '../../src/callers/index.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { createForge } from './forge.ts'

const issuer = 'https://id.example'
const first = createForge()
const second = createForge()

interface Scripted {
  readonly keys: KeyHolder
  readonly clock: FakeClock
  /** What the issuer answers from now on: keys, or an error. */
  answers: readonly unknown[] | Error
  /** How often it was asked. */
  readonly asked: number
  readonly told: readonly (readonly [problem: string | undefined, change: NewKeys | undefined])[]
  /** Moves time on, to the end of a fetch that this begins. */
  pass(ms: number): Promise<void>
}

function scripted(answers: Scripted['answers']): Scripted {
  const clock = createFakeClock()
  const told: [string | undefined, NewKeys | undefined][] = []
  let asked = 0
  const fetchPublished = (): Promise<Published> => {
    asked += 1
    return script.answers instanceof Error
      ? Promise.reject(script.answers)
      : Promise.resolve({ issuer, keys: script.answers })
  }
  const script: Scripted = {
    answers,
    clock,
    told,
    get asked() {
      return asked
    },
    keys: undefined as never,
    async pass(ms) {
      clock.advance(ms)
      // A promise that is settled needs no more than this turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
  const keys = createKeyHolder({
    fetchPublished,
    clock,
    observer: (...news) => told.push(news),
  })
  return Object.defineProperty(script, 'keys', { value: keys })
}

async function has(keys: KeyHolder, kid: string, alg = 'RS256'): Promise<boolean> {
  const token = { payload: '', signature: '' }
  const found = keys.held?.keyFor({ alg, kid }, token)
  return Promise.resolve(found).then(
    (key) => key !== undefined,
    () => false,
  )
}

test('keys are fetched at once, and again every five minutes', async () => {
  const script = scripted([first.publicJwk])
  await script.pass(0)
  assert.equal(script.asked, 1)
  assert.deepEqual(script.told, [[undefined, { held: 1, passedOver: 0 }]])
  for (let times = 2; times <= 4; times += 1) {
    await script.pass(5 * 60_000 - 1)
    assert.equal(script.asked, times - 1)
    await script.pass(1)
    assert.equal(script.asked, times)
  }
  assert.deepEqual(script.told.at(-1), [undefined, undefined])
  assert.equal(script.keys.generation, 1)
})

test('at the start the issuer is tried again after 1, 2, 4, 8 and 16 seconds, then every 30', async () => {
  const script = scripted(new Error('connection refused'))
  await script.pass(0)
  let tries = 1
  for (const seconds of [1, 2, 4, 8, 16, 30, 30, 30]) {
    await script.pass(seconds * 1000 - 1)
    assert.equal(script.asked, tries, `before ${seconds} s`)
    await script.pass(1)
    assert.equal(script.asked, (tries += 1), `after ${seconds} s`)
  }
  assert.equal(script.keys.held, undefined)
  assert.equal(script.keys.problem, 'connection refused')
  script.answers = [first.publicJwk]
  await script.pass(30_000)
  assert.equal(script.keys.problem, undefined)
  assert(await has(script.keys, first.kid))
  assert.equal(script.clock.pending, 1)
})

test('the last good keys are kept through an hour without the issuer, asked twice a minute', async () => {
  const script = scripted([first.publicJwk])
  await script.pass(0)
  script.answers = new Error('503')
  await script.pass(5 * 60_000)
  assert.equal(script.keys.problem, '503')
  for (let halfMinutes = 0; halfMinutes < 120; halfMinutes += 1) {
    assert(await has(script.keys, first.kid))
    await script.pass(30_000)
  }
  assert.equal(script.asked, 122)
  assert.equal(script.keys.generation, 1)
  script.answers = [first.publicJwk]
  await script.pass(30_000)
  assert.equal(script.keys.problem, undefined)
  await script.pass(30_000)
  assert.equal(script.asked, 123, 'back to every five minutes')
})

for (const [how, answers] of [
  ['fails', new Error('500')],
  ['has no keys', []],
  ['has other keys', [second.publicJwk]],
  ['has not changed', [first.publicJwk]],
] as const) {
  test(`unknown key ids cost one question per 30 s while the issuer ${how}`, async () => {
    const script = scripted([first.publicJwk])
    await script.pass(0)
    script.answers = answers
    const ask = (): Promise<unknown> => Promise.all(Array.from({ length: 1000 }, () => script.keys.refetch()))
    for (let cooldown = 2; cooldown <= 6; cooldown += 1) {
      await ask()
      assert.equal(script.asked, cooldown)
      for (let seconds = 1; seconds < 30; seconds += 1) {
        await script.pass(1000)
        await ask()
        assert.equal(script.asked, cooldown, `${seconds} s later`)
      }
      await script.pass(1000)
    }
  })
}

test('a key that is new a moment after we have asked by ourselves is asked for all the same', async () => {
  const script = scripted([first.publicJwk])
  await script.pass(0)
  script.answers = [first.publicJwk, second.publicJwk]
  await script.keys.refetch()
  assert(await has(script.keys, second.kid))
  await script.keys.refetch()
  assert.equal(script.asked, 2)
})

test('while an issuer that has never answered fails, nobody who comes makes us ask more often', async () => {
  const script = scripted(new Error('503'))
  await script.pass(0)
  for (let seconds = 0; seconds < 15; seconds += 1) {
    await script.keys.refetch()
    await script.pass(1000)
  }
  assert.equal(script.asked, 5, 'at once, and after 1, 2, 4 and 8 seconds')
})

test('a thousand who miss a key at once wait for one answer, and all learn of the new key', async () => {
  const script = scripted([first.publicJwk])
  await script.pass(30_000)
  script.answers = [first.publicJwk, second.publicJwk]
  await Promise.all(Array.from({ length: 1000 }, () => script.keys.refetch()))
  assert.equal(script.asked, 2)
  assert(await has(script.keys, first.kid))
  assert(await has(script.keys, second.kid))
  assert.equal(script.keys.generation, 2)
})

const encryption = { ...second.publicJwk, use: 'enc', alg: undefined }
const symmetric = { kty: 'oct', k: Buffer.from('a secret').toString('base64url'), kid: 'oct', use: 'sig' }

for (const [what, answers] of [
  ['no key', []],
  ['keys for encryption only', [encryption]],
  ['shared secrets only', [symmetric]],
  ['malformed keys only', [{ kty: 'RSA', kid: first.kid, e: 'AQAB' }]],
  ['nothing that is a key', [null, 7, 'RSA', [], {}, { kty: 7 }, { kty: 'AKP' }]],
] as const) {
  test(`a key set with ${what} is a fault of the issuer: the keys before it stay`, async () => {
    const script = scripted([first.publicJwk])
    await script.pass(0)
    script.answers = answers
    await script.pass(5 * 60_000)
    assert.equal(script.keys.problem, 'the key set holds no usable signature key')
    assert.equal(script.keys.generation, 1)
    assert(await has(script.keys, first.kid))
  })
}

test('among other keys, those for encryption, shared secrets and nonsense are passed over', async () => {
  const script = scripted([null, symmetric, { ...encryption, kid: 'enc' }, first.publicJwk, { kty: 'oct' }])
  await script.pass(0)
  assert(await has(script.keys, first.kid))
  assert(!(await has(script.keys, 'enc')))
  assert(!(await has(script.keys, 'oct')))
  assert(!(await has(script.keys, 'oct', 'HS256')))
})

test('of a key set of thousands a hundred are held', async () => {
  const keys = Array.from({ length: 5000 }, (_, index) => ({ ...first.publicJwk, kid: `key-${index}` }))
  const script = scripted(keys)
  await script.pass(0)
  assert(await has(script.keys, 'key-99'))
  assert(!(await has(script.keys, 'key-100')))
  assert.deepEqual(script.told, [[undefined, { held: 100, passedOver: 4900 }]])
})

test('a withdrawn key is gone with the next refresh', async () => {
  const script = scripted([first.publicJwk, second.publicJwk])
  await script.pass(0)
  script.answers = [second.publicJwk]
  await script.pass(5 * 60_000)
  assert(!(await has(script.keys, first.kid)))
  assert(await has(script.keys, second.kid))
  assert.equal(script.keys.generation, 2)
})

test('when closed it asks no more and leaves no timer', async () => {
  const script = scripted([first.publicJwk])
  await script.pass(0)
  script.keys.close()
  assert.equal(script.clock.pending, 0)
  await script.pass(60 * 60_000)
  assert.equal(script.asked, 1)
})

test('when closed during a fetch it says nothing more and leaves no timer', async () => {
  const script = scripted([first.publicJwk])
  script.keys.close()
  await script.pass(0)
  assert.deepEqual(script.told, [])
  assert.equal(script.clock.pending, 0)
})

test('an issuer that hangs is waited for two seconds, and heard when it answers', async () => {
  const clock = createFakeClock()
  const answers: ((published: Published) => void)[] = []
  const keys = createKeyHolder({
    fetchPublished: () => new Promise((resolve) => answers.push(resolve)),
    clock,
    observer: () => undefined,
  })
  const waiting = Promise.all(Array.from({ length: 100 }, () => keys.refetch()))
  clock.advance(2_000)
  await waiting
  await keys.refetch()
  assert.deepEqual([keys.held, answers.length], [undefined, 1])
  answers[0]?.({ issuer, keys: [first.publicJwk] })
  await new Promise((resolve) => setImmediate(resolve))
  assert(await has(keys, first.kid))
  keys.close()
  assert.equal(clock.pending, 0)
})
