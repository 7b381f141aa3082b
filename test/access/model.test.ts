import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  AccessDenied,
  type CallerPattern,
  createAccess,
  type Lack,
  lacksOf,
  type Rule,
} from '../../src/access/index.ts'
import type { Reader, Wanted } from '../../src/access/access.ts'

// Few words, so that rules and requests meet often.
const issuer = fc.constantFrom('cluster', 'entra')
const name = fc.constantFrom('a', 'b', 'ab')
const pattern = fc.constantFrom('a', 'b', 'ab', '*', 'a*', '*b')
const property = fc.constantFrom('id', 'displayName', 'createdDateTime')
const workspace = fc.constantFrom('default', 'lab', 'other')
const read = fc.constantFrom('session', 'session', 'sessions', 'prompts', 'workspaces')

const callerPattern: fc.Arbitrary<CallerPattern> = fc.record(
  { issuer, subject: pattern, namespace: pattern, serviceAccount: pattern },
  { requiredKeys: ['issuer'] },
)
const rules: fc.Arbitrary<Rule[]> = fc
  .array(
    fc.record(
      {
        callers: fc.array(callerPattern, { minLength: 1, maxLength: 3 }),
        workspaces: fc.array(fc.oneof(workspace, fc.constant('*')), { minLength: 1, maxLength: 2 }),
        select: fc.uniqueArray(property, { minLength: 1 }),
        reads: fc.uniqueArray(read, { minLength: 1 }),
      },
      { requiredKeys: ['callers', 'workspaces'] },
    ),
    { maxLength: 5 },
  )
  .map((all) => all.map((rule, index) => ({ ...rule, name: `rule-${index}` })))
const reader: fc.Arbitrary<Reader> = fc.record(
  { issuer, subject: name, workload: fc.record({ namespace: name, serviceAccount: name }) },
  { requiredKeys: ['issuer', 'subject'] },
)
const wanted: fc.Arbitrary<Wanted> = fc
  .record({
    read,
    workspaceId: workspace,
    select: fc.option(fc.uniqueArray(property, { minLength: 1 })),
  })
  .map((what) => (what.read === 'workspaces' ? { ...what, workspaceId: null } : what))

/** design.md, word for word: every name that is permitted, found by trying all properties. */
function permittedBy(all: readonly Rule[], who: Reader, what: Wanted): string | undefined {
  const asked = what.select ?? ['id', 'displayName', 'createdDateTime', 'and whatever Graph adds']
  const says = (text: string | undefined, given: string | undefined): boolean =>
    given === undefined || (text !== undefined && new RegExp(`^${given.replace('*', '[^/:]*')}$`).test(text))
  for (const rule of all) {
    let isCaller = false
    for (const caller of rule.callers) {
      isCaller ||=
        caller.issuer === who.issuer &&
        says(who.subject, caller.subject) &&
        says(who.workload?.namespace, caller.namespace) &&
        says(who.workload?.serviceAccount, caller.serviceAccount)
    }
    let isWorkspace = false
    for (const id of rule.workspaces ?? []) isWorkspace ||= id === '*' || id === what.workspaceId
    let isSelect = true
    for (const each of asked) isSelect &&= rule.select === undefined || rule.select.includes(each)
    let isRead = false
    for (const each of rule.reads ?? ['session']) isRead ||= each === what.read
    // Whoever may read some properties of a session only gets no list, prompt or evaluation.
    if (what.read !== 'session') isRead &&= rule.select === undefined
    if (isCaller && isWorkspace && isRead && isSelect) return rule.name
  }
  return undefined
}

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
