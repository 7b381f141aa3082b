/**
 * The query of a read: which options, each once, each within bounds, in one canonical form.
 *
 * @module
 */

import { InvalidRequest } from './errors.ts'
import type { ListOption } from './resources.ts'
import { decodeStrictly, lowerCase, queryPairs } from './target.ts'

/** Of a list, in the form in which Graph is asked. What is absent was not asked. */
export interface ListOptions {
  readonly count?: boolean
  /** Decoded. */
  readonly filter?: string
  readonly top?: number
  /** Where a page begins, as Graph itself wrote it in the link to that page: opaque, and still encoded. */
  readonly page?: { readonly option: '$skiptoken' | '$skip'; readonly value: string }
}

export const mostPerPage = 1000
export const longestFilter = 1024
export const longestPage = 1536
export const mostProperties = 16
export const propertyName = /^[A-Za-z][A-Za-z0-9]{0,63}$/

/**
 * `$select` of a session, the only option that it takes.
 *
 * @param query encoded, without its `?`
 * @param selectable the names that it may hold, in canonical case
 * @returns the names in canonical case, sorted, each once; `null` when it is not there
 * @throws {InvalidRequest}
 */
export function parseSelect(query: string, selectable: readonly string[]): readonly string[] | null {
  const select = optionsIn(query, ['$select']).get('$select')
  if (select === undefined) return null
  return sortedOnce(
    decodeStrictly(select).split(','),
    (asked) => selectable.find((name) => lowerCase(name) === lowerCase(asked)),
    `$select takes a comma-separated list of these names, without spaces: ${selectable.join(', ')}.`,
  )
}

/**
 * @param listOptions what is taken besides `$select`; with any of them, it is a list and has pages
 * @throws {InvalidRequest}
 */
export function parseOptions(
  query: string,
  listOptions: readonly ListOption[],
): { readonly select: readonly string[] | null; readonly options: ListOptions } {
  const pages = listOptions.length === 0 ? [] : (['$skiptoken', '$skip'] as const)
  const given = optionsIn(query, ['$select', ...listOptions, ...pages])
  const select = given.get('$select')
  const count = given.get('$count')
  const filter = given.get('$filter')
  const top = given.get('$top')
  const [option, ...others] = pages.filter((name) => given.has(name))
  if (others.length > 0) throw new InvalidRequest('Of $skiptoken and $skip one may be given.')
  return {
    select: select === undefined ? null : properties(decodeStrictly(select)),
    options: {
      ...(count === undefined ? {} : { count: truth(count) }),
      ...(filter === undefined ? {} : { filter: filterOf(filter) }),
      ...(top === undefined ? {} : { top: pageSize(top) }),
      ...(option === undefined ? {} : { page: { option, value: pageOf(option, given.get(option) ?? '') } }),
    },
  }
}

/** On beta the `$` is optional, and names have no case. */
function optionsIn<O extends string>(query: string, known: readonly O[]): ReadonlyMap<O, string> {
  const found = new Map<O, string>()
  for (const [written, value] of queryPairs(query)) {
    const name = lowerCase(decodeStrictly(written))
    const option = known.find((each) => name === each || name === each.slice(1))
    if (option === undefined) {
      throw new InvalidRequest(
        known.length === 1
          ? `The only query option of this resource is ${known.join()}.`
          : `The query options of this resource are ${known.join(', ')}.`,
      )
    }
    if (found.has(option)) throw new InvalidRequest(`${option} may be given once.`)
    found.set(option, value)
  }
  return found
}

function properties(list: string): readonly string[] {
  const names = sortedOnce(
    list.split(','),
    (name) => (propertyName.test(name) ? name : undefined),
    '$select takes a comma-separated list of property names, without spaces.',
  )
  if (names.length > mostProperties) throw new InvalidRequest(`$select takes up to ${mostProperties} names.`)
  return names
}

function sortedOnce(
  asked: readonly string[],
  canonical: (name: string) => string | undefined,
  problem: string,
): readonly string[] {
  const chosen = new Set<string>()
  for (const name of asked) {
    const known = canonical(name)
    if (known === undefined) throw new InvalidRequest(problem)
    chosen.add(known)
  }
  return [...chosen].toSorted()
}

function truth(value: string): boolean {
  if (value !== 'true' && value !== 'false') throw new InvalidRequest('$count is true or false.')
  return value === 'true'
}

function pageSize(value: string): number {
  const size = Number(value)
  if (!/^[1-9]\d{0,3}$/.test(value) || size > mostPerPage) {
    throw new InvalidRequest(`$top is a whole number from 1 to ${mostPerPage}.`)
  }
  return size
}

/**
 * Of the properties of what is listed, and of nothing that it leads to: a path (`prompts/any(…)`) would ask whether
 * something is so that the caller may not read.
 */
function filterOf(value: string): string {
  // Graph takes a `+` in a query for a space, as forms and many clients write it.
  const filter = decodeStrictly(value.replaceAll('+', '%20'))
  if (filter.length === 0 || filter.length > longestFilter) {
    throw new InvalidRequest(`$filter is an expression of up to ${longestFilter} characters.`)
  }
  const outside = filter.replace(/'(?:[^']|'')*'/g, '')
  if (/\p{Cc}/u.test(filter) || !/^[A-Za-z0-9 ().,:+_-]*$/.test(outside)) {
    throw new InvalidRequest(
      '$filter takes property names, operators, functions, numbers, dates and texts in single quotes; no paths ("/"), and no "$" or "@" outside of texts.',
    )
  }
  return filter
}

function pageOf(option: '$skiptoken' | '$skip', value: string): string {
  const form = option === '$skip' ? /^\d{1,9}$/ : /^[!-~]+$/
  if (value.length > longestPage || !form.test(value) || /\p{Cc}/u.test(decodeStrictly(value))) {
    throw new InvalidRequest(`Take ${option} as it is from the @odata.nextLink of the page before.`)
  }
  return value
}
