/**
 * Requests answered, and how long they took, in plain numbers. This is done for every answer, and a metric of the
 * library's own would put its labels together into a text, and look that up, twice for each.
 *
 * @module
 */

import { Counter, type Histogram, type Registry } from 'prom-client'

export interface RequestTally {
  /** @param outcome how the cache came by the answer; `none` when it was not asked */
  readonly answered: (status: number, outcome: string, durationMs: number) => void
}

export interface RequestTallyOptions {
  readonly registry: Registry
  readonly counter: { readonly name: string; readonly help: string }
  readonly histogram: { readonly name: string; readonly help: string }
  /** Upper bounds in seconds, ascending. */
  readonly buckets: readonly number[]
}

/** Of one outcome. */
interface Tally {
  readonly byStatus: Map<number, { count: number }>
  /** How many took as long as the bound of the same place, and longer than the one before; the last one has none. */
  readonly inBucket: number[]
  seconds: number
  count: number
}

export function createRequestTally(options: RequestTallyOptions): RequestTally {
  const { registry, counter, histogram, buckets } = options
  const tallies = new Map<string, Tally>()

  registry.registerMetric(
    new Counter({
      ...counter,
      labelNames: ['status', 'cache'],
      registers: [],
      collect() {
        this.reset()
        for (const [cache, { byStatus }] of tallies) {
          for (const [status, { count }] of byStatus) this.inc({ status: String(status), cache }, count)
        }
      },
    }),
  )
  const exposed = {
    ...histogram,
    get: async () => ({ ...histogram, type: 'histogram', aggregator: 'sum', values: values() }),
  }
  // A registry asks no more of a metric than this; its types know only the library's own.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  registry.registerMetric(exposed as unknown as Histogram)

  function values(): { labels: Record<string, string | number>; value: number; metricName: string }[] {
    const { name } = histogram
    return [...tallies].flatMap(([cache, { inBucket, seconds, count }]) => {
      let upTo = 0
      const counts = inBucket.map((within, at) => {
        upTo += within
        return { labels: { le: buckets[at] ?? '+Inf', cache }, value: upTo, metricName: `${name}_bucket` }
      })
      return [
        ...counts,
        { labels: { cache }, value: seconds, metricName: `${name}_sum` },
        { labels: { cache }, value: count, metricName: `${name}_count` },
      ]
    })
  }

  function tallyOf(outcome: string): Tally {
    const known = tallies.get(outcome)
    if (known !== undefined) return known
    const tally = { byStatus: new Map(), inBucket: [...buckets, Infinity].map(() => 0), seconds: 0, count: 0 }
    tallies.set(outcome, tally)
    return tally
  }

  return {
    answered(status, outcome, durationMs) {
      const tally = tallyOf(outcome)
      const ofStatus = tally.byStatus.get(status)
      if (ofStatus === undefined) tally.byStatus.set(status, { count: 1 })
      else ofStatus.count += 1
      const seconds = durationMs / 1000
      let at = 0
      while (at < buckets.length && seconds > (buckets[at] ?? Infinity)) at += 1
      tally.inBucket[at] = (tally.inBucket[at] ?? 0) + 1
      tally.seconds += seconds
      tally.count += 1
    },
  }
}
