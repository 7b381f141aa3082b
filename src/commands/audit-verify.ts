/**
 * Checks audit records, and says what it cannot know.
 *
 * @module
 */

import { createPublicKey, type KeyObject } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import {
  type ChainReport,
  headOf,
  type Line,
  type Link,
  longestLine,
  type Report,
  verify,
} from '../audit/index.ts'
import { complain, say } from './terminal.ts'

export interface VerifyCommandOptions {
  readonly unordered?: boolean
  readonly heads?: readonly string[]
  readonly key?: readonly string[]
}

const mostShown = 20

/** @returns the exit code: 0 intact, 1 not, 2 when a file cannot be read */
export async function auditVerify(
  files: readonly string[],
  { unordered = false, heads = [], key = [] }: VerifyCommandOptions,
): Promise<number> {
  let report: Report
  try {
    report = await verify(linesOf(files), {
      isUnordered: unordered,
      keys: await Promise.all(key.map(readKey)),
      heads: await readHeads(heads),
    })
  } catch (error) {
    complain(`error: ${error instanceof Error ? error.message : String(error)}`)
    return 2
  }
  tell(report, { hasHeads: heads.length > 0, hasKeys: key.length > 0 })
  return report.problems.length === 0 ? 0 : 1
}

function tell(report: Report, given: { readonly hasHeads: boolean; readonly hasKeys: boolean }): void {
  const { problems, untold, chains, torn, others, reprinted, absent } = report
  for (const chain of chains) say(describeChain(chain, given.hasKeys))
  for (const uid of absent) say(`chain ${uid}, which one of these follows, is not here`)
  for (const where of torn) say(`${where}: cut here, in the middle of a record`)
  if (reprinted > 0) say(`${count(reprinted, 'record')} printed anew by somebody, saying the same`)
  if (others > 0) say(`${count(others, 'line')} passed over: no records`)

  for (const { where, what } of problems.slice(0, mostShown)) say(`NOT INTACT  ${where.name}: ${what}`)
  const more = problems.length + untold - mostShown
  if (more > 0) say(`… and ${more} more`)
  if (problems.length > 0) return
  say('intact')
  if (!given.hasKeys) {
    say('Without signatures this shows accidents: whoever can write the records can rewrite them all.')
  }
  if (!given.hasHeads && chains.some(({ isClosed }) => !isClosed)) {
    say('Without --heads nobody can tell whether the tail of an open chain is missing.')
  }
}

function describeChain(chain: ChainReport, hasKeys: boolean): string {
  const { uid, records, last, isClosed, signedUpTo, unchecked } = chain
  const until = last === undefined ? '' : `, the last of ${new Date(last.time).toISOString()}`
  const end = isClosed ? 'closed' : 'open at its end: still running, killed, or its tail was cut'
  const told = [`${count(records, 'record')}${until}`, end]
  if (unchecked > 0) told.push(`${count(unchecked, 'signature')} not checked, for want of --key`)
  if (hasKeys && signedUpTo > 0) told.push(`signed up to record ${signedUpTo}`)
  if (hasKeys && last !== undefined && last.sequence > signedUpTo) {
    told.push(`records ${signedUpTo + 1} to ${last.sequence} ARE COVERED BY NO SIGNATURE`)
  }
  return `chain ${uid}: ${told.join('; ')}`
}

/** A line that is longer than any record is cut: it is none, however it goes on. */
async function* linesOf(files: readonly string[]): AsyncGenerator<Line> {
  for (const file of files) {
    const stream = file === '-' ? process.stdin : createReadStream(file)
    const name = file === '-' ? 'stdin' : file
    let number = 0
    let rest = ''
    const line = (text: string, isUnended: boolean): Line => {
      number += 1
      return { where: `${name}:${number}`, text, isFirst: number === 1, isUnended }
    }
    for await (const chunk of stream.setEncoding('utf8')) {
      const lines = (rest + String(chunk)).split('\n')
      rest = (lines.pop() ?? '').slice(0, longestLine + 1)
      for (const text of lines) yield line(text, false)
    }
    if (rest !== '') yield line(rest, true)
  }
}

async function readHeads(files: readonly string[]): Promise<Link[]> {
  const heads: Link[] = []
  for await (const { text } of linesOf(files)) {
    const head = headOf(text)
    if (head !== undefined) heads.push(head)
  }
  if (files.length > 0 && heads.length === 0) {
    throw new Error('--heads: no head line is in there; they stand in the log, at level info')
  }
  return heads
}

async function readKey(file: string): Promise<KeyObject> {
  const pem = await readFile(file)
  try {
    const key = createPublicKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch {
    // Said below.
  }
  throw new Error(`--key: ${file} holds no Ed25519 key (PEM)`)
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
