import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Counter, Histogram, Registry } from 'prom-client'
import { createRequestTally, type RequestTally } from '../../src/telemetry/requests.ts'

const counter = { name: 'requests_total', help: 'Requests answered' }
const histogram = { name: 'request_duration_seconds', help: 'Time from a request to its answer' }

interface Both {
  readonly ours: RequestTally['answered']
  readonly theirs: RequestTally['answered']
  /** The expositions, ours first. */
  readonly exposed: () => Promise<[string, string]>
}

/** What is counted by us, and by the library's own metrics. */
function both(buckets: readonly number[]): Both {
  const ours = new Registry()
  const { answered } = createRequestTally({ registry: ours, counter, histogram, buckets })
  const theirs = new Registry()
  const registers = [theirs]
  const requests = new Counter({ ...counter, labelNames: ['status', 'cache'], registers })
  const durations = new Histogram({ ...histogram, labelNames: ['cache'], buckets: [...buckets], registers })
  return {
    ours: answered,
    theirs(status, outcome, durationMs) {
      requests.inc({ status: String(status), cache: outcome })
      durations.observe({ cache: outcome }, durationMs / 1000)
    },
    async exposed() {
      return [await ours.metrics(), await theirs.metrics()]
    },
  }
}

/** Series of a counter stand in the order in which each was first counted, or by their outcome: it means nothing. */
function inAnyOrder(text: string): string[] {
  return text.split('\n').toSorted()
}

const bounds = fc
  .uniqueArray(fc.constantFrom(0.0005, 0.001, 0.0025, 0.005, 0.25, 0.5, 1, 2.5, 5, 10), { minLength: 1 })
  .map((buckets) => buckets.toSorted((a, b) => a - b))

test('what is exposed of requests is what the library itself would expose of them', async () => {
  const observation = (buckets: readonly number[]): fc.Arbitrary<[number, string, number]> =>
    fc.tuple(
      fc.constantFrom(200, 304, 404, 503),
      fc.constantFrom('hit', 'miss', 'stale', 'none'),
      fc.oneof(
        fc.double({ min: 0, max: 20_000, noNaN: true }),
        // Exactly at a bound, and right beside it.
        fc
          .tuple(fc.constantFrom(...buckets), fc.constantFrom(-1e-9, 0, 0, 0, 1e-9))
          .map(([bound, beside]) => (bound + beside) * 1000),
        fc.constantFrom(0, 0.1, 60_000),
      ),
    )
  const cases = bounds.chain((buckets) =>
    fc.tuple(
      fc.constant(buckets),
      fc.array(fc.oneof(observation(buckets), fc.constant('scrape' as const)), {
        maxLength: 60,
        size: 'max',
      }),
    ),
  )
  await fc.assert(
    fc.asyncProperty(cases, async ([buckets, events]) => {
      const { ours, theirs, exposed } = both(buckets)
      for (const event of [...events, 'scrape' as const]) {
        if (event === 'scrape') {
          const [one, other] = await exposed()
          assert.deepEqual(inAnyOrder(one), inAnyOrder(other))
        } else {
          ours(...event)
          theirs(...event)
        }
      }
    }),
    { numRuns: 200 },
  )
})

test('a duration that is a bound is within it, and one that is longer by a hair is not', async () => {
  const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
  for (const bound of buckets) {
    const { ours, exposed } = both(buckets)
    ours(200, 'hit', bound * 1000)
    ours(200, 'hit', bound * 1000 * (1 + Number.EPSILON * 4))
    const [text] = await exposed()
    const counts = [...text.matchAll(/_bucket\{le="([^"]+)",cache="hit"\} (\d+)/g)]
    assert.deepEqual(
      counts.map(([, le, count]) => [le, Number(count)]),
      [...buckets, Infinity].map((le) => [
        le === Infinity ? '+Inf' : String(le),
        le < bound ? 0 : le === bound ? 1 : 2,
      ]),
    )
  }
})

test('series stand in the order that the library has, with their help and type before them', async () => {
  const { ours, theirs, exposed } = both([0.001, 1])
  for (const answered of [ours, theirs]) {
    answered(200, 'miss', 400)
    answered(200, 'hit', 0.5)
    answered(304, 'hit', 0.5)
  }
  const [one, other] = await exposed()
  assert.equal(one, other)
  assert.match(one, /^# HELP requests_total Requests answered\n# TYPE requests_total counter\n/)
  assert.match(one, /^# TYPE request_duration_seconds histogram\n/m)
})
