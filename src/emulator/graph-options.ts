/**
 * Graph's reading of a query: on beta `select` means `$select`, and names match without case.
 *
 * @module
 */

import { BadGraphRequest } from './graph-address.ts'
import type { GraphAddress } from './graph-address.ts'
import type { EntityType } from './graph-entities.ts'
import { filterOf } from './graph-filter.ts'
import type { Filter } from './graph-filter.ts'
import type { OptionName } from './graph-resources.ts'

export interface GraphOptions {
  /** Undefined when nothing is selected; else each property once, in the order asked. */
  readonly select: readonly string[] | undefined
  readonly filter: Filter | undefined
  readonly top: number | undefined
  readonly count: boolean
  readonly skiptoken: string | undefined
}

/** @throws BadGraphRequest when an option is not documented for that address, comes twice, or makes no sense */
export function graphOptions(query: URLSearchParams, { collection, isList }: GraphAddress): GraphOptions {
  const allowed = isList ? collection.options : (['$select'] as const)
  const sent = new Map<OptionName, string>()
  for (const [name, value] of query) {
    const option = allowed.find((known) => [known, known.slice(1)].includes(name.toLowerCase()))
    if (option === undefined) {
      throw new BadGraphRequest(
        `The query specified in the URI is not valid. Query option '${name}' is not allowed.`,
      )
    }
    if (sent.has(option)) {
      throw new BadGraphRequest(
        `Query option '${option}' was specified more than once, but it must be specified at most once.`,
      )
    }
    sent.set(option, value)
  }
  const [select, filter] = [sent.get('$select'), sent.get('$filter')]
  return {
    select: select === undefined ? undefined : selection(select, collection.type),
    filter: filter === undefined ? undefined : filterOf(filter, collection.type),
    top: top(sent.get('$top')),
    count: count(sent.get('$count')),
    skiptoken: sent.get('$skiptoken'),
  }
}

function selection(value: string, type: EntityType): readonly string[] {
  return [...new Set(value.split(',').map((name) => property(name.trim(), type)))]
}

function property(name: string, type: EntityType): string {
  const found = type.properties.find((known) => known.toLowerCase() === name.toLowerCase())
  if (found !== undefined) return found
  throw new BadGraphRequest(
    `Parsing OData Select and Expand failed: Could not find a property named '${name}' on type 'microsoft.graph.security.securityCopilot.${type.name}'.`,
  )
}

function top(value: string | undefined): number | undefined {
  if (value === undefined || /^\d{1,9}$/.test(value)) return value === undefined ? undefined : Number(value)
  throw new BadGraphRequest(
    `Invalid value '${value}' for $top query option found. The $top query option requires a non-negative integer value.`,
  )
}

function count(value: string | undefined): boolean {
  if (value === undefined || /^(?:true|false)$/i.test(value)) return value?.toLowerCase() === 'true'
  throw new BadGraphRequest(
    `Invalid value '${value}' for $count query option found. Valid values are 'true' or 'false'.`,
  )
}
