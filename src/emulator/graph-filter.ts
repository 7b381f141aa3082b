/**
 * `$filter`, a small part of it: `name eq 'value'`, `contains(name,'value')`, joined by `and`. The rest is refused.
 *
 * @module
 */

import { BadGraphRequest } from './graph-address.ts'
import type { Entity, EntityType } from './graph-entities.ts'

export interface Filter {
  /** As it was sent. */
  readonly text: string
  matches(entity: Entity): boolean
}

type Condition = (entity: Entity) => boolean

const condition =
  /\s*(?:contains\(\s*(?<within>\w+)\s*,\s*'(?<part>(?:[^']|'')*)'\s*\)|(?<name>\w+)\s+eq\s+(?:'(?<text>(?:[^']|'')*)'|(?<word>true|false|null)))(?:\s+(?<more>and)\s+|\s*$)/iy

/** @throws BadGraphRequest when the text is no filter, or one that this type does not support */
export function filterOf(text: string, type: EntityType): Filter {
  const conditions: Condition[] = []
  const reader = new RegExp(condition)
  let isMore = true
  while (isMore) {
    const at = reader.lastIndex
    const groups = reader.exec(text)?.groups
    if (groups === undefined) throw invalid(`Syntax error at position ${at} in '${text}'.`)
    conditions.push(conditionOf(groups, type))
    isMore = groups['more'] !== undefined
  }
  return { text, matches: (entity) => conditions.every((holds) => holds(entity)) }
}

function conditionOf(groups: Readonly<Record<string, string | undefined>>, type: EntityType): Condition {
  const { within, part, name = '', text, word } = groups
  if (within !== undefined && part !== undefined) {
    const property = filterable(within, type)
    if (type.filterable[property] !== 'contains') throw unsupported(property, type)
    return ({ [property]: value }) => typeof value === 'string' && value.includes(unquoted(part))
  }
  const property = filterable(name, type)
  const isNull = word?.toLowerCase() === 'null'
  const operand = text === undefined ? 'Edm.Boolean' : 'Edm.String'
  const expected = type.filterable[property] === 'boolean' ? 'Edm.Boolean' : 'Edm.String'
  if (!isNull && operand !== expected) {
    throw invalid(
      `A binary operator with incompatible types was detected. Found operand types '${expected}' and '${operand}' for operator kind 'Equal'.`,
    )
  }
  const value = text === undefined ? (isNull ? null : word?.toLowerCase() === 'true') : unquoted(text)
  return (entity) => entity[property] === value
}

function filterable(name: string, type: EntityType): string {
  const property = type.properties.find((known) => known.toLowerCase() === name.toLowerCase())
  if (property === undefined) {
    throw invalid(
      `Could not find a property named '${name}' on type 'microsoft.graph.security.securityCopilot.${type.name}'.`,
    )
  }
  if (type.filterable[property] === undefined) throw unsupported(property, type)
  return property
}

function unquoted(text: string): string {
  return text.replaceAll("''", "'")
}

function invalid(why: string): BadGraphRequest {
  return new BadGraphRequest(`Invalid filter clause: ${why}`)
}

function unsupported(property: string, type: EntityType): BadGraphRequest {
  return new BadGraphRequest(
    `Unsupported or invalid query filter clause specified for property '${property}' of resource '${type.name}'.`,
  )
}
