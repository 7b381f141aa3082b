import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { AccessDenied, createAccess, type Lack, lacksOf, type Rule } from '../../src/access/index.ts'
import type { Reader, Wanted } from '../../src/access/access.ts'
import { permittedBy, reader, rules, wanted } from './model.ts'

function decidedBy(all: readonly Rule[], who: Reader, what: Wanted): string | undefined {
  try {
    return createAccess(all, () => 0).decide(who, what).rule
  } catch (error) {
    assert(error instanceof AccessDenied)
    return undefined
  }
}

test('a request is permitted exactly when some rule alone permits all of it, by the first such rule', () => {
  let permitted = 0
  let denied = 0
  fc.assert(
    fc.property(rules, reader, wanted, (all, who, what) => {
      const expected = permittedBy(all, who, what)
      if (expected === undefined) denied += 1
      else permitted += 1
      assert.equal(decidedBy(all, who, what), expected)
    }),
    { numRuns: 20_000 },
  )
  // A model that always says the same would prove nothing.
  assert(permitted > 1000 && denied > 1000, `${permitted} permitted, ${denied} denied`)
})

test('one rule more never takes away what was granted', () => {
  fc.assert(
    fc.property(rules, rules, reader, wanted, (some, more, who, what) => {
      if (decidedBy(some, who, what) === undefined) return
      assert.notEqual(decidedBy([...some, ...more], who, what), undefined)
      assert.notEqual(decidedBy([...more, ...some], who, what), undefined)
    }),
    { numRuns: 5_000 },
  )
})

test('the properties that a denial names are permitted when asked for', () => {
  fc.assert(
    fc.property(rules, reader, wanted, (all, who, what) => {
      try {
        createAccess(all, () => 0).decide(who, what)
      } catch (error) {
        assert(error instanceof AccessDenied)
        for (const [, list = ''] of error.message.matchAll(/\$select=([A-Za-z,]+)/g)) {
          const select = list.split(',')
          assert.notEqual(decidedBy(all, who, { ...what, select }), undefined)
        }
      }
    }),
    { numRuns: 5_000 },
  )
})

test('of what each rule is said to lack, the first that lacks nothing is the one that decides', () => {
  fc.assert(
    fc.property(rules, reader, wanted, (all, who, what) => {
      const explained = lacksOf(all, who, what)
      assert.deepEqual(
        explained.map(({ rule }) => rule),
        all,
      )
      const first = explained.find(({ lacks }) => lacks.length === 0)
      assert.equal(first?.rule.name, decidedBy(all, who, what))
    }),
    { numRuns: 10_000 },
  )
})

test('a rule that gets what it is said to lack, and nothing else, permits the read', () => {
  const mended = (rule: Rule, lacks: readonly Lack[], who: Reader, what: Wanted): Rule => {
    const { select, ...rest } = rule
    const isWhole = lacks.includes('properties') || (lacks.includes('read') && what.read !== 'session')
    return {
      ...rest,
      ...(isWhole || select === undefined ? {} : { select }),
      ...(lacks.includes('caller') ? { callers: [{ issuer: who.issuer }] } : {}),
      ...(lacks.includes('workspace') ? { workspaces: ['*'] } : {}),
      ...(lacks.includes('read') ? { reads: [what.read] } : {}),
    }
  }
  fc.assert(
    fc.property(rules, reader, wanted, (all, who, what) => {
      for (const { rule, lacks } of lacksOf(all, who, what)) {
        assert.equal(decidedBy([mended(rule, lacks, who, what)], who, what), rule.name)
      }
    }),
    { numRuns: 5_000 },
  )
})

test('explaining a decision spends nothing of the rate of its rule', () => {
  const rule: Rule = {
    name: 'once',
    callers: [{ issuer: 'entra' }],
    workspaces: ['*'],
    rate: { count: 1, perMs: 1000 },
  }
  const who = { issuer: 'entra', subject: 'a' }
  const what = { read: 'session', workspaceId: 'default', select: null }
  const access = createAccess([rule], () => 0)
  for (let times = 0; times < 3; times += 1) assert.deepEqual(lacksOf([rule], who, what)[0]?.lacks, [])
  assert.equal(access.decide(who, what).rule, 'once')
})
