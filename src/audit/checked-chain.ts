/**
 * One chain, as its records come in: which are altered, missing, there twice or in the wrong place.
 *
 * @module
 */

import type { Link } from './chain.ts'
import type { Attested } from './line.ts'

export interface Place {
  /** `FILE:LINE`, or what it is that has no line. */
  readonly name: string
  /** Its number among all lines, to put problems in order. */
  readonly at: number
}

export interface Problem {
  readonly where: Place
  readonly what: string
}

/** Numbers that have not come, between two records that have. */
interface Gap {
  readonly from: number
  readonly to: number
  /** Of the record that came instead. */
  readonly where: Place
  /** What the record before the gap, and the one after it, say of those at its edges. */
  readonly before: string | undefined
  readonly after: string | undefined
}

export interface CheckedChain {
  /** The record with the highest number so far. */
  readonly last: Attested | undefined
  readonly records: number
  readonly isClosed: boolean
  take(record: Attested, where: Place): void
  /** What is missing, by now for good. */
  missing(): readonly Problem[]
}

/** Beyond it, the lines are not in their order at all. */
const mostGaps = 1_000

export function createCheckedChain(uid: string, report: (problem: Problem) => void): CheckedChain {
  let last: Attested | undefined
  let isShuffled = false
  let records = 0
  let isClosed = false
  let gaps: Gap[] = []

  /** @returns whether there is any sense in looking for order */
  function isInOrderAtAll(where: Place): boolean {
    if (!isShuffled && gaps.length > mostGaps) {
      isShuffled = true
      gaps = []
      report({ where, what: `the records of chain ${uid} are in no order: check them with --unordered` })
    }
    return !isShuffled
  }

  function follow(record: Attested, where: Place): void {
    const expected = (last?.sequence ?? 0) + 1
    if (record.sequence === 1 && record.operation !== 'audit.chain.open') {
      report({ where, what: `${nameOf(record)} does not open its chain` })
    }
    if (record.sequence > expected) {
      gaps.push({
        from: expected,
        to: record.sequence - 1,
        where,
        before: last?.fingerprint,
        after: record.previous,
      })
    } else if (record.previous !== last?.fingerprint) {
      const what =
        last === undefined
          ? `${nameOf(record)} names a record before it, and is the first`
          : `${nameOf(record)} does not follow from record ${last.sequence}: that one has been replaced`
      report({ where, what })
    }
    if (isClosed) report({ where, what: `${nameOf(record)} stands behind the end of its chain` })
    isClosed ||= record.operation === 'audit.chain.close'
    last = record
  }

  function fill(record: Attested, where: Place): void {
    const { sequence, previous, fingerprint } = record
    const gap = gaps.find(({ from, to }) => from <= sequence && sequence <= to)
    if (gap === undefined) return report({ where, what: `${nameOf(record)} is there twice` })
    report({
      where,
      what: `${nameOf(record)} is out of order: later ones stand before it (${gap.where.name})`,
    })
    const fitsBefore = sequence > gap.from || previous === gap.before
    const fitsAfter = sequence < gap.to || fingerprint === gap.after
    if (!fitsBefore || !fitsAfter) {
      report({ where, what: `${nameOf(record)} does not fit between its neighbours: it has been replaced` })
    }
    const left = [
      { ...gap, to: sequence - 1, after: previous },
      { ...gap, from: sequence + 1, before: fingerprint },
    ]
    gaps = [...gaps.filter((other) => other !== gap), ...left.filter(({ from, to }) => from <= to)]
  }

  return {
    get last() {
      return last
    },
    get records() {
      return records
    },
    get isClosed() {
      return isClosed
    },
    take(record, where) {
      records += 1
      if (record.isIntact === false) {
        report({ where, what: `${nameOf(record)} has been altered` })
        // Its number may be what was altered.
        if (record.sequence !== (last?.sequence ?? 0) + 1) return
      }
      if (!isInOrderAtAll(where)) last = record.sequence > (last?.sequence ?? 0) ? record : last
      else if (record.sequence > (last?.sequence ?? 0)) follow(record, where)
      else fill(record, where)
    },
    missing: () =>
      gaps.map(({ from, to, where }) => ({
        where,
        what:
          `${from === to ? `record ${from}` : `records ${from} to ${to}`} of chain ${uid}, before this one: missing` +
          (from === 1 ? ' (give the earlier files, too, if there are any)' : ''),
      })),
  }
}

export function nameOf({ sequence, chainUid }: Link): string {
  return `record ${sequence} of chain ${chainUid}`
}
