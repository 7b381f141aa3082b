import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBackOffs } from '../../src/cache/back-offs.ts'
import { StillFailing } from '../../src/cache/errors.ts'
import { Failed } from './answer.ts'

function resting(): { after: (ms: number) => void; backOffs: ReturnType<typeof createBackOffs> } {
  let time = 1_000
  return { after: (ms) => void (time += ms), backOffs: createBackOffs(() => time) }
}

test('a key that failed rests as long as its failure asks, to the millisecond, and no other does', () => {
  const { after, backOffs } = resting()
  backOffs.failed('key', new Failed('refused'))
  assert.equal(backOffs.of('other'), undefined)
  after(9_999)
  assert.equal(backOffs.of('key')?.retryAfterMs, 1)
  after(1)
  assert.equal(backOffs.of('key'), undefined)
})

test('what is told meanwhile is the failure itself, with the time to ask again', () => {
  const { after, backOffs } = resting()
  const failure = new Failed('broken', 500)
  backOffs.failed('key', failure)
  after(250)
  const told = backOffs.of('key')
  assert.ok(told instanceof StillFailing)
  const { code, status, proxyError, message, allowsLastResort, retryAfterMs, receivedStatus } = told
  assert.deepEqual(
    [code, status, proxyError, message, allowsLastResort, retryAfterMs],
    [failure.code, failure.status, failure.proxyError, failure.message, true, 750],
  )
  // Nothing was asked this time, so nothing was received.
  assert.equal(receivedStatus, undefined)
  backOffs.failed('other', new Failed('refused'))
  assert.equal(backOffs.of('other')?.allowsLastResort, false)
})

test('one that goes on failing rests twice as long each time: eight times as long at most, and never over a minute', () => {
  const { after, backOffs } = resting()
  const rests = (code: 'broken' | 'refused', key: string): number[] =>
    Array.from({ length: 6 }, () => {
      backOffs.failed(key, new Failed(code))
      const ms = backOffs.of(key)?.retryAfterMs ?? 0
      after(ms + 500)
      return ms / 1000
    })
  assert.deepEqual(rests('broken', 'a'), [1, 2, 4, 8, 8, 8])
  assert.deepEqual(rests('refused', 'b'), [10, 20, 40, 60, 60, 60])
})

test('one that has been let alone for a minute after its rest begins anew', () => {
  const { after, backOffs } = resting()
  const fail = (): number | undefined => {
    backOffs.failed('key', new Failed('broken'))
    return backOffs.of('key')?.retryAfterMs
  }
  assert.equal(fail(), 1_000)
  after(60_999)
  assert.equal(fail(), 2_000)
  after(62_000)
  assert.equal(fail(), 1_000)
})

test('a failure never shortens what another asks for', () => {
  const { backOffs } = resting()
  backOffs.failed('key', new Failed('broken'))
  backOffs.failed('key', new Failed('refused'))
  assert.equal(backOffs.of('key')?.retryAfterMs, 10_000)
})

test('a failure that is not of the key, or of nobody knows what, lets it be asked again at once', () => {
  const { backOffs } = resting()
  backOffs.failed('key', new Failed('shut'))
  backOffs.failed('key', new Error('a fault of ours'))
  assert.equal(backOffs.of('key'), undefined)
})

test('what is forgotten begins anew', () => {
  const { backOffs } = resting()
  for (const forget of [() => backOffs.succeeded('key'), () => backOffs.forget((key) => key === 'key')]) {
    backOffs.failed('key', new Failed('broken'))
    backOffs.failed('key', new Failed('broken'))
    forget()
    assert.equal(backOffs.of('key'), undefined)
    backOffs.failed('key', new Failed('broken'))
    assert.equal(backOffs.of('key')?.retryAfterMs, 1_000)
    forget()
  }
})

test('only what matches is forgotten', () => {
  const { backOffs } = resting()
  for (const key of ['a/1', 'a/2', 'ab/1']) backOffs.failed(key, new Failed('broken'))
  backOffs.forget((key) => key.startsWith('a/'))
  assert.deepEqual(
    ['a/1', 'a/2', 'ab/1'].map((key) => backOffs.of(key) !== undefined),
    [false, false, true],
  )
})

test('resting keys are bounded in number: the one nobody has asked for the longest is forgotten', () => {
  const { backOffs } = resting()
  for (let key = 0; key < 10_000; key += 1) backOffs.failed(`key-${key}`, new Failed('broken'))
  assert.ok(backOffs.of('key-0'))
  backOffs.failed('one too many', new Failed('broken'))
  assert.equal(backOffs.of('key-1'), undefined)
  assert.ok(backOffs.of('key-0') && backOffs.of('key-2') && backOffs.of('one too many'))
})

test('a failure that is not of the key leaves its rest as it was', () => {
  const { backOffs } = resting()
  for (const code of ['broken', 'shut'] as const) backOffs.failed('key', new Failed(code))
  assert.equal(backOffs.of('key')?.retryAfterMs, 1_000)
  backOffs.failed('key', new Failed('broken'))
  assert.equal(backOffs.of('key')?.retryAfterMs, 2_000)
})
