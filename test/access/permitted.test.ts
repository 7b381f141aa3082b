import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Access, AccessDenied, createAccess, RateExceeded } from '../../src/access/index.ts'
import type { Reader, Wanted } from '../../src/access/access.ts'
import { createLimiter } from '../../src/access/rate.ts'
import { mixedRules, permittedBy, reader, wanted } from './model.ts'

/** Milliseconds to wait; 0 where it was let through. */
function waitOf(use: () => unknown): number {
  try {
    use()
    return 0
  } catch (error) {
    assert.ok(error instanceof RateExceeded)
    return error.retryAfterMs
  }
}

/** As `decide` says it. */
function decided(access: Access, who: Reader, what: Wanted): { rule?: string | undefined; waitMs: number } {
  try {
    return { rule: access.decide(who, what).rule, waitMs: 0 }
  } catch (error) {
    if (error instanceof RateExceeded) return { rule: error.rule, waitMs: error.retryAfterMs }
    assert.ok(error instanceof AccessDenied)
    return { waitMs: 0 }
  }
}

const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constantFrom('is looked at', 'is looked at and used', 'is decided'),
      who: fc.nat(3),
      /** The same object as before, or one that says the same. */
      isAnother: fc.boolean(),
      wanted,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant('passes' as const), ms: fc.constantFrom(1, 499, 500, 1_000) }),
  },
)

test('whoever is known is permitted by the first rule that permits all of it, and counted once for each use', () => {
  const seen = { permitted: 0, denied: 0, limited: 0 }
  fc.assert(
    fc.property(
      mixedRules,
      fc.array(reader, { minLength: 4, maxLength: 4 }),
      fc.array(event, { maxLength: 30, size: 'max' }),
      (rules, readers, events) => {
        let time = 0
        const access = createAccess(rules, () => time)
        const limiters = new Map(
          rules.flatMap(({ name, rate }) =>
            rate === undefined ? [] : [[name, createLimiter(rate, () => time)] as const],
          ),
        )
        for (const one of events) {
          if (one.what === 'passes') {
            time += one.ms
            continue
          }
          const known = readers[one.who] ?? assert.fail()
          const who = one.isAnother ? structuredClone(known) : known
          const rule = permittedBy(rules, known, one.wanted)
          const take = (): number => {
            const waitMs = limiters.get(rule ?? '')?.take(`${known.issuer}\n${known.subject}`) ?? 0
            if (rule === undefined) seen.denied += 1
            else if (waitMs > 0) seen.limited += 1
            else seen.permitted += 1
            return waitMs
          }
          if (one.what === 'is decided') {
            assert.deepEqual(decided(access, who, one.wanted), {
              ...(rule === undefined ? {} : { rule }),
              waitMs: take(),
            })
            continue
          }
          const permit = access.permitted(who, one.wanted)
          assert.equal(access.permitted(who, one.wanted), permit)
          assert.equal(permit?.rule, rule)
          const ofRule = rules.find(({ name }) => name === rule)
          assert.equal(permit?.mayBypassCache, ofRule && (ofRule.mayBypassCache ?? false))
          if (permit !== undefined && one.what === 'is looked at and used') {
            assert.equal(
              waitOf(() => permit.use(who)),
              take(),
            )
          }
        }
      },
    ),
    { numRuns: 300 },
  )
  const { permitted, denied, limited } = seen
  assert.ok(permitted > 200 && denied > 200 && limited > 40, JSON.stringify(seen))
})
