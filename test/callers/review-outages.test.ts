import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createReviews, TokenReviewUnavailable } from '../../src/callers/index.ts'
import type { Fault } from '../../src/emulator/index.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { audience } from '../world/world.ts'
import { reasonOf, until } from './forge.ts'
import { caller, startReviewing, told } from './reviewing.ts'

const status = (code: number): Fault => ({ kind: 'status', status: code })

describe('while the API server does not say', () => {
  for (const [what, fault, reason] of [
    ['being down', { kind: 'reset' }, /connection terminated/],
    ['being slow', { kind: 'hang' }, /http response timeout/],
    [
      'for want of the right',
      status(403),
      /needs the right to create tokenreviews in authentication\.k8s\.io/,
    ],
    ['as our own token is refused', status(401), /tokenreviews answered 401/],
    ['being overwhelmed', { kind: 'status', status: 429, retryAfter: '1' }, /tokenreviews answered 429/],
    ['failing', status(500), /tokenreviews answered 500/],
    ['answering with a page', { kind: 'html', status: 201 }, /did not answer with a TokenReview/],
    [
      'answering with another object',
      { kind: 'body', status: 200, headers: {}, body: '{}' },
      /did not answer with a TokenReview/,
    ],
  ] as const satisfies readonly (readonly [string, Fault, RegExp])[]) {
    for (const whenUnavailable of ['reject', 'accept'] as const) {
      test(`(${what}) and whenUnavailable is ${whenUnavailable}`, async () => {
        await using world = await startReviewing(whenUnavailable === 'reject' ? {} : { whenUnavailable })
        world.emulator.fail('cluster', fault, Infinity)
        const asking = world.askWith(await world.tokenOf())
        await until(world, () => world.asked() > 0)
        if (fault.kind === 'hang') world.clock.advance(2_000)
        const reply = await asking
        const { degraded } = (await world.manage('/readyz')).json
        assert.deepEqual(degraded, ['issuer cluster: tokens cannot be reviewed'])
        assert.match(told(world).at(-1) ?? '', reason)
        assert.deepEqual(await world.outcomes(), { unavailable: 1 })
        if (whenUnavailable === 'accept') {
          assert.equal(reply.status, 200)
          return
        }
        assert.deepEqual([reply.status, reply.json.error.code], [503, 'tokenReviewUnavailable'])
        assert.equal(reply.headers['retry-after'], '5')
        assert.equal(reply.headers['www-authenticate'], undefined)
        assert.match(reasonOf(world, reply), reason)
        assert.equal(world.emulator.graph.calls, 0)
      })
    }
  }

  test('what it said before counts for its ten seconds, and no longer', async () => {
    await using world = await startReviewing()
    const token = await world.tokenOf()
    assert.equal((await world.askWith(token)).status, 200)
    world.emulator.fail('cluster', status(500), Infinity)
    world.clock.advance(9_999)
    assert.equal((await world.askWith(token)).status, 200)
    world.clock.advance(1)
    assert.equal((await world.askWith(token)).status, 503)
  })

  test('it is asked by one at a time, ever more rarely, and told of once', async () => {
    await using world = await startReviewing()
    world.emulator.fail('cluster', status(500), Infinity)
    const crowd = await Promise.all(Array.from({ length: 20 }, () => world.tokenOf()))
    const storm = async (): Promise<Set<number>> =>
      new Set((await Promise.all(crowd.map(world.askWith))).map((reply) => reply.status))
    assert.equal((await world.askWith(await world.tokenOf())).status, 503)
    for (const [ms, asked] of [
      [0, 1],
      [999, 1],
      [1, 2],
      [1_999, 2],
      [1, 3],
      [4_000, 4],
      [8_000, 5],
      [10_000, 6],
      [9_999, 6],
      [1, 7],
    ] as const) {
      world.clock.advance(ms)
      assert.deepEqual(await storm(), new Set([503]))
      assert.equal(world.asked(), asked, `${ms} ms later`)
    }
    assert.equal(told(world).filter((line) => line.startsWith('tokens cannot')).length, 1)
    world.emulator.recover('cluster')
    world.clock.advance(10_000)
    assert.equal((await world.askWith(crowd[0] ?? '')).status, 200)
    assert.deepEqual(await storm(), new Set([200]))
    assert.equal(told(world).at(-1), 'tokens are reviewed again')
    assert.deepEqual((await world.manage('/readyz')).json.degraded, [])
  })

  test('many failures at the same time are one', async () => {
    await using world = await startReviewing()
    world.emulator.fail('cluster', status(500), 20)
    const crowd = await Promise.all(Array.from({ length: 20 }, () => world.tokenOf()))
    const replies = await Promise.all(crowd.map(world.askWith))
    assert.deepEqual(new Set(replies.map((reply) => reply.status)), new Set([503]))
    world.emulator.recover('cluster')
    world.clock.advance(1_000)
    assert.equal((await world.askWith(crowd[0] ?? '')).status, 200)
  })

  test('one answer in between, and the next failure is the first again', async () => {
    const clock = createFakeClock()
    let fails = true
    const heard: unknown[] = []
    const reviews = createReviews({
      review: () => (fails ? Promise.reject(new Error('down')) : Promise.resolve(undefined)),
      whenUnavailable: 'reject',
      clock,
      observer: { reviewed: (outcome) => heard.push(outcome), changed: (problem) => heard.push(problem) },
      close() {},
    })
    const confirm = async (token: string): Promise<unknown> => reviews.confirm(caller, token)
    // Both are asked before either fails; the second answer comes after the first failure.
    const failing = confirm('a')
    fails = false
    const answered = confirm('b')
    await assert.rejects(failing, TokenReviewUnavailable)
    assert.equal(await answered, caller)
    fails = true
    await assert.rejects(confirm('c'), TokenReviewUnavailable)
    await assert.rejects(confirm('d'), TokenReviewUnavailable)
    assert.deepEqual(heard, ['unavailable', 'down', 'accepted', undefined, 'unavailable', 'down'])
    reviews.close()
    clock.advance(1_000)
    fails = false
    await confirm('d')
    assert.deepEqual(heard.slice(6), ['accepted'])
  })

  test('of one token alone, others are asked about as ever', async () => {
    await using world = await startReviewing()
    const [one, another, third] = await Promise.all([world.tokenOf(), world.tokenOf(), world.tokenOf()])
    world.emulator.fail('cluster', { kind: 'hang' }, 1)
    const asking = world.askWith(one)
    await until(world, () => world.asked() === 1)
    world.clock.advance(1_000)
    assert.equal((await world.askWith(another)).status, 200)
    world.clock.advance(1_000)
    assert.equal((await asking).status, 503)
    assert.deepEqual((await world.manage('/readyz')).json.degraded, [])
    assert.equal((await world.askWith(third)).status, 200)
  })

  test('whom it has refused stays refused, even where others are believed', async () => {
    await using world = await startReviewing({ whenUnavailable: 'accept' })
    const token = await world.tokenOf('triage-0')
    world.emulator.cluster.deletePod('soc', 'triage-0')
    assert.equal((await world.askWith(token)).status, 401)
    world.emulator.fail('cluster', status(500), Infinity)
    world.clock.advance(30_000)
    assert.equal((await world.askWith(token)).status, 401)
    assert.equal((await world.askWith(await world.tokenOf())).status, 200)
  })

  test('for want of the right, the right that is given counts', async () => {
    await using world = await startReviewing()
    world.emulator.cluster.mayReview = false
    const token = await world.tokenOf()
    assert.equal((await world.askWith(token)).status, 503)
    world.emulator.cluster.mayReview = true
    world.clock.advance(1_000)
    assert.equal((await world.askWith(token)).status, 200)
  })

  test('callers of other issuers notice nothing', async () => {
    await using world = await startReviewing()
    world.emulator.fail('cluster', status(500), Infinity)
    assert.equal((await world.askWith(await world.tokenOf())).status, 503)
    const token = await world.emulator.issuer.token({ sub: 'reader', aud: audience })
    assert.equal((await world.askWith(token)).status, 200)
  })
})
