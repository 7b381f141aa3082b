import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createReviews, TokenReviewUnavailable, Unauthenticated } from '../../src/callers/index.ts'
import type { Emulator, Fault } from '../../src/emulator/index.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { audience, type Reply, startWorld, type World } from '../world/world.ts'
import { reasonOf, until } from './forge.ts'

interface Reviewing extends World {
  readonly clock: FakeClock
  /** Asks with a token of a new pod of the triage service, or of the one named. */
  readonly tokenOf: (pod?: string) => Promise<string>
  readonly askWith: (token: string) => Promise<Reply>
  /** Requests that the API server has seen since the keys were fetched. */
  readonly asked: () => number
  readonly outcomes: () => Promise<Record<string, number>>
}

async function startReviewing(tokenReview: object = {}): Promise<Reviewing> {
  const clock = createFakeClock()
  const world = await startWorld({
    clock,
    config: { issuers: { cluster: { tokenReview } } },
    prepare: ({ entra }) => (entra.tokenLifetimeSeconds = 86_400),
  })
  const { emulator } = world
  await until(world, () => emulator.cluster.requests === 2 && told(world).length === 1)
  let pods = 0
  return {
    ...world,
    clock,
    tokenOf: (pod = `triage-${(pods += 1)}`) =>
      emulator.issuer.serviceAccountToken({ namespace: 'soc', serviceAccount: 'triage', audience, pod }),
    askWith: (token) => world.ask(undefined, { token }),
    asked: () => emulator.cluster.requests - 2,
    async outcomes() {
      const { body } = await world.manage('/metrics')
      const lines = body.matchAll(/token_reviews_total\{issuer="cluster",outcome="(\w+)"\} (\d+)/g)
      return Object.fromEntries([...lines].map(([, outcome = '', count]) => [outcome, Number(count)]))
    },
  }
}

const caller = { issuer: 'cluster', subject: 'system:serviceaccount:soc:triage' }

/** What the log says of the cluster itself. */
function told({ logs }: World): string[] {
  return logs.flatMap(({ issuer, msg }) => (issuer === 'cluster' ? [String(msg)] : []))
}

/** The API server says this of every token. */
function says(emulator: Emulator, status: object, times = 1): void {
  const body = JSON.stringify({ kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', status })
  emulator.fail('cluster', { kind: 'body', status: 201, headers: {}, body }, times)
}

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
    const confirm = async (token: string): Promise<unknown> => reviews.confirm(caller, token, token)
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
  const confirm = (token: string): unknown => reviews.confirm(caller, token, token)
  assert(confirm('there') instanceof Promise)
  assert.equal(await confirm('there'), caller)
  assert.equal(confirm('there'), caller)
  clock.advance(9_999)
  assert.equal(confirm('there'), caller)
  await assert.rejects(async () => confirm('gone'), Unauthenticated)
  assert.throws(() => confirm('gone'), Unauthenticated)
  assert.equal(asked, 3)
})
