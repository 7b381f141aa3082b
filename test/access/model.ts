/** Rules and requests that meet often, and which rule permits a request, as slow as can be. */

import * as fc from 'fast-check'
import type { CallerPattern, Rule } from '../../src/access/index.ts'
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
export const rules: fc.Arbitrary<Rule[]> = fc
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
export const reader: fc.Arbitrary<Reader> = fc.record(
  { issuer, subject: name, workload: fc.record({ namespace: name, serviceAccount: name }) },
  { requiredKeys: ['issuer', 'subject'] },
)
export const wanted: fc.Arbitrary<Wanted> = fc
  .record({
    read,
    workspaceId: workspace,
    select: fc.option(fc.uniqueArray(property, { minLength: 1 })),
  })
  .map((what) => (what.read === 'workspaces' ? { ...what, workspaceId: null } : what))

/** Several that speak of the same callers, some of which grant no reads, and some of which count. */
export const mixedRules: fc.Arbitrary<Rule[]> = fc
  .array(
    fc.record(
      {
        callers: fc.array(
          fc.oneof({ weight: 3, arbitrary: fc.record({ issuer }) }, { weight: 1, arbitrary: callerPattern }),
          { minLength: 1, maxLength: 2 },
        ),
        workspaces: fc.array(fc.oneof(workspace, fc.constant('*')), { minLength: 1, maxLength: 2 }),
        select: fc.uniqueArray(property, { minLength: 1 }),
        reads: fc.uniqueArray(read, { minLength: 2 }),
        mayBypassCache: fc.boolean(),
        admin: fc.constantFrom(undefined, undefined, ['purge' as const]),
        rate: fc.record({ count: fc.integer({ min: 1, max: 2 }), perMs: fc.constant(1_000) }),
      },
      { requiredKeys: ['callers', 'workspaces', 'admin'] },
    ),
    { minLength: 2, maxLength: 6 },
  )
  .map((all) => all.map((rule, index) => ({ ...rule, name: `rule-${index}` })))

/** design.md, word for word: every name that is permitted, found by trying all properties. */
export function permittedBy(all: readonly Rule[], who: Reader, what: Wanted): string | undefined {
  const asked = what.select ?? ['id', 'displayName', 'createdDateTime', 'and whatever Graph adds']
  const says = (text: string | undefined, given: string | undefined): boolean =>
    given === undefined || (text !== undefined && new RegExp(`^${given.replace('*', '[^/:]*')}$`).test(text))
  for (const rule of all) {
    if (rule.admin !== undefined) continue
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
