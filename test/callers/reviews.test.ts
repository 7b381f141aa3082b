import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createReviews, Unauthenticated } from '../../src/callers/index.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { audience } from '../world/world.ts'
import { reasonOf, until } from './forge.ts'
import { caller, says, startReviewing } from './reviewing.ts'

describe('a token that is reviewed', () => {
  test('is asked about with our audience, as the pod, and with nothing else in the question', async () => {
    await using world = await startReviewing()
    const token = await world.tokenOf()
    assert.equal((await world.askWith(token)).status, 200)
    assert.equal(world.emulator.cluster.reviews, 1)
    const { method, target, body } = world.emulator.cluster.recorded.at(-1) ?? assert.fail()
    assert.deepEqual([method, target], ['POST', '/cluster/apis/authentication.k8s.io/v1/tokenreviews'])
    assert.deepEqual(JSON.parse(body.toString()), {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences: [audience] },
    })
  })

  test('is asked about once for ten seconds, and by whoever uses it on before they are over', async () => {
    await using world = await startReviewing()
    const token = await world.tokenOf()
    for (const [ms, reviews] of [
      [0, 1],
      [7_999, 1],
      // Behind the answer.
      [1, 2],
      [7_999, 2],
      [1, 3],
      // Nobody asked for so long: it is asked about first.
      [10_000, 4],
      [60_000, 5],
    ] as const) {
      world.clock.advance(ms)
      assert.equal((await world.askWith(token)).status, 200)
      // One behind the answer has been heard of when it is counted.
      while (((await world.outcomes())['accepted'] ?? 0) < reviews) continue
      assert.equal(world.emulator.cluster.reviews, reviews, `${ms} ms later`)
    }
    assert.deepEqual(await world.outcomes(), { accepted: 5 })
  })

  test('is asked about once by many at the same time', async () => {
    await using world = await startReviewing()
    const [one, other] = [await world.tokenOf(), await world.tokenOf()]
    const replies = await Promise.all(
      Array.from({ length: 40 }, (_, n) => world.askWith(n % 2 === 0 ? one : other)),
    )
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]))
    assert.equal(world.asked(), 2)
  })

  test('is asked about on 32 connections at the most, and the rest have their turn', async () => {
    await using world = await startReviewing()
    const tokens = await Promise.all(Array.from({ length: 50 }, () => world.tokenOf()))
    const { promise, resolve } = Promise.withResolvers<void>()
    world.emulator.fail('cluster', { kind: 'hold', until: promise }, Infinity)
    const asking = Promise.all(tokens.map(world.askWith))
    await until(world, () => world.asked() >= 32)
    // A request that comes after all of them is answered: they are where they wait.
    await world.ask(undefined, { token: null })
    assert.equal(world.asked(), 32)
    resolve()
    assert.deepEqual(new Set((await asking).map((reply) => reply.status)), new Set([200]))
    assert.deepEqual(await world.outcomes(), { accepted: 50 })
  })

  test('waits for nothing while its review is renewed', async () => {
    await using world = await startReviewing()
    const token = await world.tokenOf()
    await world.askWith(token)
    world.clock.advance(8_000)
    world.emulator.fail('cluster', { kind: 'hang' })
    for (let times = 0; times < 5; times += 1) assert.equal((await world.askWith(token)).status, 200)
    await until(world, () => world.asked() === 2)
    assert.equal((await world.askWith(token)).status, 200)
    assert.equal(world.asked(), 2)
  })

  test('is refused when its pod is gone, within ten seconds, and the record and the log say why', async () => {
    await using world = await startReviewing()
    const token = await world.tokenOf('triage-0')
    assert.equal((await world.askWith(token)).status, 200)
    world.emulator.cluster.deletePod('soc', 'triage-0')
    world.clock.advance(10_000)
    const reply = await world.askWith(token)
    assert.equal(reply.status, 401)
    assert.match(String(reply.headers['www-authenticate']), /error="invalid_token"/)
    assert(!reply.body.includes('invalidated'))
    const why = /^issuer cluster: the token was reviewed: .*service account token has been invalidated/
    assert.match(reasonOf(world, reply), why)
    assert.match((await world.recordOf(reply.headers['request-id']))['reason'], why)
    assert.deepEqual(await world.outcomes(), { accepted: 1, refused: 1 })
    // Another pod by the same name is another pod.
    assert.equal((await world.askWith(await world.tokenOf('triage-0'))).status, 200)
    world.clock.advance(2_000)
    const again = await world.askWith(token)
    assert.equal(again.status, 401)
    assert.match(reasonOf(world, again), /pod UID .* does not match service account pod ref claim/)
  })

  test('that was refused is asked about again after two seconds, not at each request', async () => {
    await using world = await startReviewing()
    const token = await world.tokenOf()
    says(world.emulator, { authenticated: false })
    assert.equal((await world.askWith(token)).status, 401)
    world.clock.advance(1_999)
    assert.equal((await world.askWith(token)).status, 401)
    assert.equal(world.asked(), 1)
    world.clock.advance(1)
    assert.equal((await world.askWith(token)).status, 200)
  })

  test('is verified first: what we do not believe ourselves is shown to nobody', async () => {
    await using world = await startReviewing()
    const good = await world.tokenOf()
    const account = { namespace: 'soc', serviceAccount: 'triage', audience }
    const { issuer } = world.emulator
    for (const token of [
      `${good.slice(0, good.lastIndexOf('.'))}.AAAA`,
      await issuer.serviceAccountToken({ ...account, audience: 'vault' }),
      await issuer.serviceAccountToken({ ...account, expiresInSeconds: -60 }),
      await issuer.serviceAccountToken({ ...account, claims: { iss: 'https://else.example' } }),
      world.emulator.cluster.podToken,
    ]) {
      assert.equal((await world.askWith(token)).status, 401)
    }
    assert.equal(world.emulator.cluster.reviews, 0)
  })

  const user = { username: 'system:serviceaccount:soc:triage' }
  const extra = { 'authentication.kubernetes.io/pod-uid': ['of-another'] }
  for (const [what, status, reason] of [
    [
      'without an audience, as by those who know of none',
      { authenticated: true, user },
      /takes it for nothing/,
    ],
    ['for another audience', { authenticated: true, user, audiences: ['vault'] }, /takes it for \["vault"\]/],
    [
      'as another account',
      { authenticated: true, audiences: [audience], user: { username: 'system:serviceaccount:soc:ops' } },
      /for a token of system:serviceaccount:soc:ops, not of system:serviceaccount:soc:triage/,
    ],
    ['as nobody', { authenticated: true, audiences: [audience] }, /for a token of nothing/],
    [
      'as another pod',
      { authenticated: true, audiences: [audience], user: { ...user, extra } },
      /for one of the pod \["of-another"\]/,
    ],
    ['as "true"', { authenticated: 'true', audiences: [audience], user }, /does not take it/],
    ['not at all', { user: {} }, /does not take it: and does not say why/],
  ] as const) {
    test(`is refused where the API server takes it ${what}`, async () => {
      await using world = await startReviewing()
      says(world.emulator, status)
      const reply = await world.askWith(await world.tokenOf())
      assert.equal(reply.status, 401)
      assert.match(reasonOf(world, reply), reason)
    })
  }

  test('is taken where the API server says nothing of pods', async () => {
    await using world = await startReviewing()
    says(world.emulator, { authenticated: true, audiences: ['vault', audience], user })
    assert.equal((await world.askWith(await world.tokenOf())).status, 200)
  })

  test('costs no answer when a connection that was kept has broken', async () => {
    await using world = await startReviewing()
    assert.equal((await world.askWith(await world.tokenOf())).status, 200)
    world.emulator.fail('cluster', { kind: 'reset' })
    assert.equal((await world.askWith(await world.tokenOf())).status, 200)
    assert.deepEqual([world.asked(), await world.outcomes()], [3, { accepted: 2 }])
  })
})

test('a review at hand needs no promise: the answer is there at once', async () => {
  const clock = createFakeClock()
  let asked = 0
  const reviews = createReviews({
    async review(token) {
      asked += 1
      return token === 'gone' ? 'its pod is gone' : undefined
    },
    whenUnavailable: 'reject',
    clock,
    observer: { reviewed() {}, changed() {} },
    close() {},
  })
  const confirm = (token: string): unknown => reviews.confirm(caller, token)
  assert(confirm('there') instanceof Promise)
  assert.equal(await confirm('there'), caller)
  assert.equal(confirm('there'), caller)
  clock.advance(9_999)
  assert.equal(confirm('there'), caller)
  await assert.rejects(async () => confirm('gone'), Unauthenticated)
  assert.throws(() => confirm('gone'), Unauthenticated)
  assert.equal(asked, 3)
})
