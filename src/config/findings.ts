/**
 * What is wrong, said to the person who wrote it: what was found, what is expected, what to do.
 *
 * @module
 */

import type * as z from 'zod'
import { alternative, outlineAt } from './outline.ts'
import type { Outline } from './outline.ts'
import { formatPath } from './path.ts'
import type { Path } from './path.ts'
import { find, formatPlace, placeOf } from './tree.ts'
import type { Scalar, Tree } from './tree.ts'

/** A problem or a warning. Neither the message nor the path ever holds a secret's value. */
export interface Finding {
  /** `access.triage.callers[0].issuer`; empty when it concerns a whole file or the environment. */
  path: string
  message: string
  /** `gateway.yaml:12:5`, the file's name alone, or `env AZURE_TENANT_ID`. */
  where?: string
}

export type Issue = z.core.$ZodIssue

/** Something to say about a path; {@link place} adds where that was written. */
export interface Remark {
  path: Path
  message: string
}

export interface Remarks {
  problems: Remark[]
  warnings: Remark[]
}

export function place({ path, message }: Remark, tree: Tree): Finding {
  return { path: formatPath(path), message, where: formatPlace(placeOf(tree, path)) }
}

/** @param tree the document the issues are about: they are explained by what was written there */
export function explain(issues: readonly Issue[], tree: Tree): Finding[] {
  return issues.flatMap(likeliest).flatMap((issue) => remarks(issue, tree).map((each) => place(each, tree)))
}

function remarks(issue: Issue, tree: Tree): Remark[] {
  const path = pathOf(issue)
  if (issue.code === 'unrecognized_keys') {
    const node = outlineAt(path, tree) ?? {}
    const allowed = Object.keys(alternative(node, find(tree, path)).properties ?? {})
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, allowed) }))
  }
  if (issue.code === 'custom') return [{ path, message: issue.message }]
  if (issue.code === 'invalid_key') {
    const names = outlineAt(path.slice(0, -1), tree)?.propertyNames
    return [{ path, message: `not a possible key here: expected ${expected(names)}` }]
  }
  const options = issue.code === 'invalid_union' && 'options' in issue ? issue.options : undefined
  const node: Outline | undefined = options === undefined ? outlineAt(path, tree) : { enum: options }
  return [{ path, message: mismatch(find(tree, path), node) }]
}

function mismatch(written: Tree | undefined, node: Outline | undefined): string {
  if (written === undefined) return `required. ${node?.description ?? `Give ${expected(node)}`}`
  if (node === undefined) return 'not understood'
  if (node.writeOnly === true) return `expected ${expected(node)} (what was found is not shown)`
  if (written.kind !== 'leaf') return `found a ${written.kind}, expected ${expected(node)}`
  if (written.value === null)
    return `found nothing after the key, expected ${expected(node)}. Or remove the key`
  // A text that stands where a list belongs may be a URL with a password.
  if (isMap(node) || node.type === 'array')
    return `found ${kindOf(written.value)}, expected ${expected(node)}`
  return `found ${quoted(written.value)}, expected ${expected(node)}${quoteHint(written.value, node)}`
}

function expected(node: Outline | undefined): string {
  if (node?.title !== undefined) return node.title
  if (node?.const !== undefined) return quoted(node.const)
  if (node?.enum !== undefined) return `one of ${node.enum.map(quoted).join(', ')}`
  if (node?.type === 'array') return 'a list'
  return isMap(node) ? 'a map' : 'another value'
}

function isMap(node: Outline | undefined): boolean {
  return node?.type === 'object' || node?.oneOf !== undefined
}

function kindOf(value: Scalar): string {
  return typeof value === 'string' ? 'text' : `a ${typeof value}`
}

/** YAML reads `audience: 123` as a number. */
function quoteHint(value: Scalar, node: Outline): string {
  if (typeof value === 'string' || node.pattern === undefined) return ''
  return new RegExp(node.pattern, 'u').test(String(value)) ? '. Put it in quotes' : ''
}

export function unknownKey(key: string, allowed: readonly string[]): string {
  const meant = nearest(key, allowed)
  if (meant !== undefined) return `unknown key. Did you mean ${meant}?`
  return allowed.length === 0 ? 'unknown key' : `unknown key. Known here: ${allowed.join(', ')}`
}

/** Text as in JSON, at most 100 characters of it. */
export function quoted(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length <= 100 ? text : `${text.slice(0, 99)}…`
}

/** @returns the candidate that at most two edits turn into `text` */
export function nearest(text: string, candidates: readonly string[]): string | undefined {
  const near = candidates
    .map((candidate) => ({ candidate, edits: distance(text.toLowerCase(), candidate.toLowerCase()) }))
    .toSorted((a, b) => a.edits - b.edits)[0]
  return near !== undefined && near.edits <= 2 && near.edits < near.candidate.length / 2
    ? near.candidate
    : undefined
}

/** Levenshtein's, row by row; far-off lengths are not worth the rows. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return Infinity
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (const [line, letter] of Array.from(a).entries()) {
    const next = [line + 1]
    for (const [column, other] of Array.from(b).entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? Infinity
}

/** Of a union without a tag: what is wrong with the alternative that comes nearest, not "invalid input". */
function likeliest(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const isOther = (each: Issue) => each.path.length === 0 && /^invalid_(?:type|value)$/.test(each.code)
  const near = issue.errors
    .filter((issues) => !issues.some(isOther))
    .toSorted((a, b) => a.length - b.length)[0]
  return near?.map((each) => ({ ...each, path: [...issue.path, ...each.path] })) ?? [issue]
}

function pathOf(issue: Issue): Path {
  return issue.path.map((step) => (typeof step === 'number' ? step : String(step)))
}
