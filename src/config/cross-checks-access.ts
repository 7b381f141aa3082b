/**
 * Rules against issuers: does everyone they name exist, and could they ever call?
 *
 * @module
 */

import { nearest, quoted, unknownKey } from './findings.ts'
import type { Issue, Remarks } from './findings.ts'
import type { Path } from './path.ts'
import { callerOf } from './schema-callers.ts'
import { graph } from './schema.ts'
import { entriesOf, find, valueAt } from './tree.ts'
import type { Tree } from './tree.ts'

export function checkAccess(tree: Tree, { problems, warnings }: Remarks): void {
  const access = find(tree, ['access'])
  if (access === undefined || (access.kind === 'map' && access.entries.size === 0)) {
    warnings.push({ path: ['access'], message: 'no access rule: every request will be denied' })
  }
  checkSelect(tree, problems)
  checkReads(tree, problems)
  checkAdmin(tree, problems)
  const issuers = [...entriesOf(find(tree, ['issuers'])).keys()]
  for (const path of callersOf(tree)) {
    const issuer = valueAt(tree, [...path, 'issuer'])
    if (typeof issuer === 'string' && !issuers.includes(issuer)) {
      const meant = nearest(issuer, issuers)
      const hint = meant === undefined ? `Known: ${issuers.join(', ') || 'none'}` : `Did you mean ${meant}?`
      problems.push({ path: [...path, 'issuer'], message: `no issuer is called ${quoted(issuer)}. ${hint}` })
    }
    const namespace = valueAt(tree, [...path, 'namespace'])
    const isMeant = valueAt(tree, [...path, 'anyNamespace']) === true
    if (typeof namespace === 'string' && namespace.includes('*') && !isMeant) {
      const message = 'lets in whoever may create such a namespace. If that is meant, add anyNamespace: true'
      problems.push({ path: [...path, 'namespace'], message })
    }
  }
}

/** A rule is for reading, in its workspaces, or it is for purging. */
function checkAdmin(tree: Tree, problems: Remarks['problems']): void {
  for (const [name, rule] of entriesOf(find(tree, ['access']))) {
    if (rule.kind !== 'map') continue
    const path = ['access', name]
    if (!rule.entries.has('admin')) {
      if (rule.entries.has('workspaces')) continue
      const message = 'is required: which workspaces may they read? Only a rule with admin needs none'
      problems.push({ path: [...path, 'workspaces'], message })
      continue
    }
    for (const key of ['reads', 'select', 'mayBypassCache'] as const) {
      if (!rule.entries.has(key)) continue
      problems.push({
        path: [...path, key],
        message: 'is about reading, which a rule with admin does not grant',
      })
    }
    const callers = find(rule, ['callers'])
    for (const index of callers?.kind === 'list' ? callers.items.keys() : []) {
      const issuer = valueAt(rule, ['callers', index, 'issuer'])
      if (typeof issuer !== 'string' || valueAt(tree, ['issuers', issuer, 'type']) !== 'anonymous') continue
      const message = 'is an anonymous issuer: anyone who reaches the management port could empty the cache'
      problems.push({ path: [...path, 'callers', index, 'issuer'], message })
    }
  }
}

function checkSelect(tree: Tree, problems: Remarks['problems']): void {
  const selectable = graph.shape.selectable.safeParse(valueAt(tree, ['graph', 'selectable'])).data
  if (selectable === undefined) return
  const known = new Set(selectable.map((each) => each.toLowerCase()))
  for (const [name, rule] of entriesOf(find(tree, ['access']))) {
    const select = find(rule, ['select'])
    for (const [index, property] of (select?.kind === 'list' ? select.items : []).entries()) {
      if (property.kind !== 'leaf' || typeof property.value !== 'string') continue
      if (known.has(property.value.toLowerCase())) continue
      const message = `${quoted(property.value)} is not in graph.selectable (${selectable.join(', ')})`
      problems.push({ path: ['access', name, 'select', index], message })
    }
  }
}

function checkReads(tree: Tree, problems: Remarks['problems']): void {
  for (const [name, rule] of entriesOf(find(tree, ['access']))) {
    const reads = valueAt(rule, ['reads'])
    if (!Array.isArray(reads)) continue
    const more = reads.filter((read) => read !== 'session')
    if (more.length > 0 && find(rule, ['select']) !== undefined) {
      const message = `goes round select: ${more.join(', ')} would show what select leaves out. Make it a rule of its own`
      problems.push({ path: ['access', name, 'reads'], message })
    }
    const workspaces = valueAt(rule, ['workspaces'])
    if (reads.includes('workspaces') && Array.isArray(workspaces) && !workspaces.includes('*')) {
      const message = 'the list of workspaces names all of them: it needs workspaces: ["*"]'
      problems.push({ path: ['access', name, 'reads'], message })
    }
  }
}

/**
 * Judges each caller by the type of the issuer it names, which the schema cannot see: it only knows that a
 * caller looks like one of any type.
 *
 * @param issues what the schema found; what it says about the callers judged here is replaced
 */
export function judgeCallers(issues: readonly Issue[], tree: Tree): Issue[] {
  const judged = callersOf(tree).flatMap((path) => {
    const issuer = valueAt(tree, [...path, 'issuer'])
    const type = typeof issuer === 'string' ? valueAt(tree, ['issuers', issuer, 'type']) : undefined
    if (type !== 'kubernetes' && type !== 'oidc' && type !== 'anonymous') return []
    const known = Object.keys(callerOf[type].shape)
    const found = callerOf[type].safeParse(valueAt(tree, path)).error?.issues ?? []
    return [{ path, issues: found.flatMap((issue) => within(path, issue, known)) }]
  })
  const isJudged = ({ path: at }: Issue) =>
    judged.some(({ path }) => path.every((step, depth) => at[depth] === step))
  return [...issues.filter((issue) => !isJudged(issue)), ...judged.flatMap((each) => each.issues)]
}

function within(path: Path, issue: Issue, known: readonly string[]): Issue[] {
  if (issue.code !== 'unrecognized_keys') return [{ ...issue, path: [...path, ...issue.path] }]
  return issue.keys.map((key) => ({ code: 'custom', path: [...path, key], message: unknownKey(key, known) }))
}

function callersOf(tree: Tree): Path[] {
  return [...entriesOf(find(tree, ['access']))].flatMap(([name, rule]) => {
    const callers = find(rule, ['callers'])
    return callers?.kind === 'list' ? callers.items.map((_, index) => ['access', name, 'callers', index]) : []
  })
}
