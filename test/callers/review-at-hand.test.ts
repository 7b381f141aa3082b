import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createReviews } from '../../src/callers/index.ts'
import { GatewayError } from '../../src/errors.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { caller } from './reviewing.ts'

test('a review is at hand for eight seconds from when it was asked for, if the last answer was yes', async () => {
  const event = fc.oneof(
    { weight: 4, arbitrary: fc.record({ what: fc.constant('confirm' as const), token: fc.nat(1) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        what: fc.constant('answer' as const),
        which: fc.nat(5),
        with: fc.constantFrom('accepted', 'accepted', 'accepted', 'refused', 'unavailable'),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        what: fc.constant('pass' as const),
        ms: fc.constantFrom(1, 1_000, 1_999, 2_000, 7_999, 8_000, 10_000),
      }),
    },
  )
  let had = 0
  let hadNot = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { maxLength: 40, size: 'max' }),
      fc.constantFrom('accept', 'reject'),
      async (all, whenUnavailable) => {
        const clock = createFakeClock()
        const pending: {
          token: string
          askedAt: number
          promise: PromiseWithResolvers<string | undefined>
        }[] = []
        let asked = 0
        /** By token: until when it is at hand. */
        const until = new Map<string, number>()
        const reviews = createReviews({
          review(token) {
            asked += 1
            const promise = Promise.withResolvers<string | undefined>()
            pending.push({ token, askedAt: clock.monotonic(), promise })
            return promise.promise
          },
          whenUnavailable,
          clock,
          observer: { reviewed() {}, changed() {} },
          close() {},
        })
        for (const one of all) {
          if (one.what === 'pass') clock.advance(one.ms)
          else if (one.what === 'answer') {
            const [{ token, askedAt, promise } = {}] = pending.splice(
              one.which % Math.max(1, pending.length),
              1,
            )
            if (token === undefined || askedAt === undefined) continue
            if (one.with === 'unavailable') promise?.reject(new Error('down'))
            else promise?.resolve(one.with === 'accepted' ? undefined : 'it is gone')
            if (one.with !== 'unavailable') until.set(token, one.with === 'accepted' ? askedAt + 8_000 : 0)
            await turn()
          } else {
            const token = `token ${one.token}`
            const before = asked
            const has = reviews.hasAtHand(token)
            assert.equal(has, clock.monotonic() < (until.get(token) ?? 0))
            assert.equal(asked, before)
            let confirmed: unknown
            try {
              confirmed = reviews.confirm(caller, token)
              if (confirmed instanceof Promise) confirmed.catch(() => undefined)
            } catch (error) {
              assert.ok(error instanceof GatewayError)
            }
            if (has) {
              had += 1
              assert.deepEqual([confirmed, asked], [caller, before])
            } else hadNot += 1
          }
        }
      },
    ),
    { numRuns: 300 },
  )
  assert.ok(had > 100 && hadNot > 100, `${had} were at hand, ${hadNot} were not`)
})
