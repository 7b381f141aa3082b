/**
 * Why a rule permits a read, or what it lacks to: in the words of the configuration.
 *
 * @module
 */

import { type Lack, lacksOf } from '../../access/index.ts'
import type { Caller } from '../../callers/index.ts'
import type { RuleConfig } from '../../config/index.ts'
import type { ReadRequest } from '../../session/index.ts'

/** One line a rule, in their order, the deciding one marked. */
export function explainRules(rules: readonly RuleConfig[], caller: Caller, asked: ReadRequest): string[] {
  const byName = new Map(rules.map((rule) => [rule.name, rule]))
  let isDecided = false
  return lacksOf(rules, caller, asked).flatMap(({ rule: { name }, lacks }) => {
    const rule = byName.get(name)
    if (rule === undefined) return []
    if (lacks.length > 0) return `no   ${name}: ${lacking(lacks, rule, asked)}`
    if (isDecided) return `-    ${name}: would permit it as well, and stands further down`
    isDecided = true
    return `YES  ${name}: permits it; ${describeRate(rule)}`
  })
}

function lacking(lacks: readonly Lack[], rule: RuleConfig, asked: ReadRequest): string {
  // Of what is not for this caller, or not for reads, the rest says nothing; nor do properties of what it does not grant.
  const [first] = lacks
  const isForOthers = first === 'reads' || first === 'caller'
  const telling = isForOthers
    ? [first]
    : lacks.filter((lack) => lack !== 'properties' || !lacks.includes('read'))
  return telling.map((lack) => sentences[lack](rule, asked)).join('; ')
}

const sentences: Readonly<Record<Lack, (rule: RuleConfig, asked: ReadRequest) => string>> = {
  reads: () => 'it has admin, and so grants no reads',
  caller: () => 'none of its callers is this one',
  workspace: ({ workspaces = [] }, { workspaceId }) =>
    workspaceId === null
      ? 'the list of workspaces takes workspaces: ["*"]'
      : `its workspaces are ${workspaces.join(', ')}, and neither "${workspaceId}" nor "*" is among them`,
  read: ({ reads = ['session'], select }, { read }) =>
    select === undefined || !reads.includes(read)
      ? `its reads are ${reads.join(', ')}, and ${read} is not among them`
      : 'it has select, and so grants nothing but sessions',
  properties: ({ select = [] }, { select: wanted }) => {
    const missing = wanted?.filter((name) => !select.includes(name)).join(', ')
    return `it grants the properties ${select.join(', ')}, and ${missing ?? 'every property (no $select)'} is asked for`
  },
}

function describeRate({ rate }: RuleConfig): string {
  if (rate === undefined) return 'as often as the caller likes'
  const unit = rate.perMs === 1_000 ? 's' : 'm'
  return `${rate.count}/${unit} for each caller and replica, beyond which it is 429`
}
