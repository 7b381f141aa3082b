/**
 * Are these records all there, unaltered and in order? What a chain cannot show is said, too.
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import { isJsonObject } from '../json.ts'
import type { Link } from './chain.ts'
import { type CheckedChain, createCheckedChain, nameOf, type Place, type Problem } from './checked-chain.ts'
import { type Attested, longestLine, readLine } from './line.ts'
import { longestRecord } from './record.ts'
import { createSignatureCheck, type Signed } from './signatures.ts'

export interface Line {
  /** `FILE:LINE` */
  readonly where: string
  /** Without its end. */
  readonly text: string
  /** The first of its file. */
  readonly isFirst: boolean
  /** The last of its file, and without an end. */
  readonly isUnended: boolean
}

export interface VerifyOptions {
  /** Lines may stand in any order, and more than once, as log stores give them back. */
  readonly isUnordered: boolean
  /** Public keys (Ed25519) one of which must have signed. */
  readonly keys: readonly KeyObject[]
  /** Heads told elsewhere: each must be among the records. */
  readonly heads: readonly Link[]
}

export interface ChainReport extends Signed {
  readonly uid: string
  readonly records: number
  readonly last: Attested | undefined
  readonly isClosed: boolean
}

export interface Report {
  /** The first one first. */
  readonly problems: readonly Problem[]
  /** Problems that there was no room for. */
  readonly untold: number
  readonly chains: readonly ChainReport[]
  /** Records that somebody has parsed and printed anew, without changing what they say. */
  readonly reprinted: number
  /** Lines that are no records: a log's, for example. */
  readonly others: number
  /** Where a file ends in half a record. */
  readonly torn: readonly string[]
  /** Chains that a first record names, and that are not here. */
  readonly absent: readonly string[]
}

interface Placed {
  readonly record: Attested
  readonly where: Place
  readonly isFirst: boolean
}

const mostProblems = 10_000

export async function verify(lines: AsyncIterable<Line>, options: VerifyOptions): Promise<Report> {
  const { isUnordered, keys } = options
  const problems: Problem[] = []
  let untold = 0
  function report(problem: Problem): void {
    if (problems.length < mostProblems) problems.push(problem)
    else untold += 1
  }
  const chains = new Map<string, CheckedChain>()
  const signatures = createSignatureCheck(keys, report)
  const heads = headsByRecord(options.heads, report)
  const successors: Placed[] = []
  const torn: string[] = []
  let reprinted = 0
  let others = 0

  function take({ record, where, isFirst }: Placed): void {
    const { chainUid, sequence, fingerprint, previousChain } = record
    if (previousChain !== undefined) {
      successors.push({ record, where, isFirst })
      if (!isUnordered && !chains.has(previousChain.chainUid) && !isFirst) {
        report({
          where,
          what: `chain ${previousChain.chainUid}, which this one follows, does not stand before it`,
        })
      }
    }
    const chain = chains.get(chainUid) ?? createCheckedChain(chainUid, report)
    chains.set(chainUid, chain)
    chain.take(record, where)
    signatures.take(record, where)
    if (record.isIntact === 'reprinted') reprinted += 1
    const name = `${chainUid}/${sequence}`
    const head = heads.get(name)
    heads.delete(name)
    if (head !== undefined && head.fingerprint !== fingerprint) {
      report({
        where,
        what: `${nameOf(record)} is not the one that a head line names: it has been rewritten`,
      })
    }
  }

  const kept: Placed[] = []
  let at = 0
  for await (const { where: name, text, isFirst, isUnended } of lines) {
    const where = { name, at }
    at += 1
    const record = readLine(text)
    if (record !== undefined) {
      if (isUnordered) kept.push({ record, where, isFirst })
      else take({ record, where, isFirst })
    } else if (isUnended && isBeginningOfRecord(text)) torn.push(name)
    else if (isOfALog(text)) others += 1
    else report({ where, what: 'no record of a chain: altered, or put here by somebody' })
  }
  for (const placed of inOrder(kept)) take(placed)

  for (const chain of chains.values()) for (const problem of chain.missing()) report(problem)
  signatures.end()
  for (const head of heads.values()) checkHead(head)
  const absent = successors.flatMap((successor) => checkPrevious(successor))
  if (chains.size === 0) report({ where: placeOf('everywhere'), what: 'there is no record of a chain' })

  function checkHead(head: Link): void {
    const last = chains.get(head.chainUid)?.last
    if (last !== undefined && head.sequence < last.sequence) return
    const what =
      last === undefined
        ? 'a head line names it, and none of it is here'
        : `ends with record ${last.sequence}, and a head line names record ${head.sequence}: its tail is missing`
    report({ where: placeOf(`chain ${head.chainUid}`), what })
  }

  /** @returns the chain before this one, if none of it is here */
  function checkPrevious({ record: { previousChain: link }, where }: Placed): string[] {
    if (link === undefined) return []
    const last = chains.get(link.chainUid)?.last
    if (last === undefined) return [link.chainUid]
    if (last.sequence === link.sequence && last.fingerprint === link.fingerprint) return []
    const what =
      last.sequence < link.sequence
        ? `ends with record ${last.sequence}, and its successor (${where.name}) names record ${link.sequence}: its tail is missing`
        : `does not end as its successor (${where.name}) says: with record ${link.sequence}`
    report({ where: placeOf(`chain ${link.chainUid}`), what })
    return []
  }

  return {
    untold,
    problems: problems.toSorted((a, b) => (a.where.at === b.where.at ? 0 : a.where.at - b.where.at)),
    chains: [...chains].map(([uid, { records, last, isClosed }]) => ({
      uid,
      records,
      last,
      isClosed,
      ...signatures.of(uid),
    })),
    reprinted,
    others,
    torn,
    absent,
  }
}

/** Of what concerns no line, and is told last. */
function placeOf(name: string): Place {
  return { name, at: Infinity }
}

/** The heads that a log tells. */
export function headOf(logLine: string): Link | undefined {
  const { msg, chainUid, sequence, fingerprint } = parsed(logLine) ?? {}
  return msg === 'audit chain head' &&
    typeof chainUid === 'string' &&
    typeof sequence === 'number' &&
    typeof fingerprint === 'string'
    ? { chainUid, sequence, fingerprint }
    : undefined
}

function headsByRecord(heads: readonly Link[], report: (problem: Problem) => void): Map<string, Link> {
  const byRecord = new Map<string, Link>()
  for (const head of heads) {
    const name = `${head.chainUid}/${head.sequence}`
    const known = byRecord.get(name)
    if (known === undefined) byRecord.set(name, head)
    else if (known.fingerprint !== head.fingerprint) {
      report({
        where: placeOf('--heads'),
        what: `two head lines contradict each other about ${nameOf(head)}`,
      })
    }
  }
  return byRecord
}

/** By number, and each once: a log store that delivers a line more than once has not altered anything. */
function inOrder(kept: Placed[]): Placed[] {
  const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
  const worth = ({ isIntact, signature }: Attested): number =>
    (isIntact === false ? 0 : 2) + (signature === undefined ? 0 : 1)
  kept.sort(
    ({ record: a }, { record: b }) =>
      compare(a.chainUid, b.chainUid) ||
      a.sequence - b.sequence ||
      compare(a.fingerprint, b.fingerprint) ||
      worth(b) - worth(a),
  )
  return kept.filter(({ record }, at) => {
    const before = kept[at - 1]?.record
    const isSame =
      before?.chainUid === record.chainUid &&
      before.sequence === record.sequence &&
      before.fingerprint === record.fingerprint &&
      (record.signature === undefined || before.signature?.value === record.signature.value)
    return !isSame || record.isIntact === false
  })
}

/** stderr and stdout end in one place where containers run. What looks like an event is none of a log's lines. */
function isOfALog(text: string): boolean {
  if (text.trim() === '') return true
  const line = parsed(text)
  const ofEvents = ['class_uid', 'type_uid', 'actor', 'api', 'metadata', 'unmapped']
  return line !== undefined && 'msg' in line && 'level' in line && !ofEvents.some((name) => name in line)
}

/** Half of one: its process was killed in the middle of it, or the disk was full. */
function isBeginningOfRecord(text: string): boolean {
  const beginning = '{"level":"info","time":'
  const isOne = text.startsWith(beginning) || beginning.startsWith(text)
  return isOne && text.length <= longestRecord && parsed(text) === undefined
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text.length > longestLine) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isJsonObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
