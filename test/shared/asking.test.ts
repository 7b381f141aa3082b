import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { createAsking } from '../../src/shared/asking.ts'
import type { Connection } from '../../src/shared/connection.ts'
import type { Reply } from '../../src/shared/link.ts'
import { get } from '../../src/shared/scripts.ts'
import { createFakeClock } from '../world/fake-clock.ts'

const timeoutMs = 50

/** Answers as it is told to. */
function trying() {
  const clock = createFakeClock()
  let answers: 'well' | 'soon' | 'never' | 'failing' = 'well'
  let questions = 0
  const connection: Connection = {
    isReady: true,
    run(): Promise<Reply> {
      questions += 1
      if (answers === 'failing') return Promise.reject(new Error('OOM'))
      return new Promise((resolve) => {
        if (answers === 'well') resolve([1, null])
        if (answers === 'soon') setImmediate(resolve, [1, null])
      })
    },
    subscribe: () => Promise.resolve(() => {}),
    onReady() {},
    close: () => Promise.resolve(),
  }
  const told: string[] = []
  const asking = createAsking({
    connection,
    clock,
    timeline: clock.now,
    timeoutMs,
    observer: {
      asked: (operation, outcome) => told.push(`${operation} ${outcome}`),
      changed: (why) => told.push(why === undefined ? 'up' : `down: ${why}`),
    },
  })
  async function ask(): Promise<boolean> {
    const asked = asking.ask('get', get, ['key'], [])
    clock.advance(answers === 'never' ? timeoutMs : 0)
    await turn()
    return (await asked) !== undefined
  }
  return {
    clock,
    asking,
    told,
    ask,
    answers: (how: typeof answers): void => {
      answers = how
    },
    get questions() {
      return questions
    },
  }
}

test('nothing is asked before Redis has answered in time once, and then it is', async () => {
  const tried = trying()
  assert.equal(await tried.ask(), false)
  tried.asking.up()
  assert.equal(await tried.ask(), true)
  assert.deepEqual([tried.told, tried.questions], [['get away', 'up', 'get answered'], 1])
})

for (const [how, outcome, why] of [
  ['never', 'late', 'no answer within 50 ms'],
  ['failing', 'failed', 'OOM'],
] as const) {
  test(`three questions in a row that are ${outcome} end the asking, with a line; two and an answer do not`, async () => {
    const tried = trying()
    const { asking, told, ask, answers } = tried
    asking.up()
    answers(how)
    await ask()
    await ask()
    answers('well')
    await ask()
    answers(how)
    await ask()
    await ask()
    assert.equal(asking.isUp, true)
    await ask()
    assert.deepEqual(told.slice(-2), [`get ${outcome}`, `down: ${why}`])
    const { questions } = tried
    assert.equal(await ask(), false)
    assert.deepEqual([told.at(-1), tried.questions], ['get away', questions])
  })
}

test('the more often it is no good soon after it came back, the more good answers in a row it takes to be asked again', () => {
  const { asking, clock } = trying()
  /** Good answers, a second apart, until it is up. */
  const untilUp = (): number => {
    for (let answers = 1; ; answers += 1) {
      clock.advance(1_000)
      asking.up()
      if (asking.isUp) return answers
    }
  }
  const needed = Array.from({ length: 8 }, () => {
    const answers = untilUp()
    clock.advance(29_999)
    asking.down('no good')
    return answers
  })
  assert.deepEqual(needed, [1, 2, 4, 8, 16, 32, 32, 32])
  clock.advance(1_000)
  asking.up()
  asking.down('no good in between')
  assert.equal(untilUp(), 32)
  clock.advance(30_000)
  asking.down('no good, after a good while')
  assert.equal(untilUp(), 1)
})

test('what nobody waits for is told all the same', async () => {
  const tried = trying()
  const outcome = tried.asking.tell('land', get, ['key'], [])
  await turn()
  assert.ok((await outcome) !== undefined)
  assert.deepEqual([tried.told, tried.questions], [['land answered'], 1])
})

test('an answer that came while this process was busy is in time', async () => {
  const tried = trying()
  tried.asking.up()
  tried.answers('soon')
  const asked = tried.asking.ask('get', get, ['key'], [])
  tried.clock.advance(timeoutMs)
  assert.ok((await asked) !== undefined)
})
