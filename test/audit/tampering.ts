/** Honest trails, and what somebody does to them who can write the file. */

import { generateKeyPairSync, hash } from 'node:crypto'
import { createChain } from '../../src/audit/chain.ts'
import { createRecordFormat } from '../../src/audit/record.ts'
import { check, honest } from './honest.ts'

export const { publicKey, privateKey } = generateKeyPairSync('ed25519')
export const keys = [publicKey]
export const [unsigned, signed, open] = await Promise.all([
  honest(),
  honest({ key: privateKey }),
  honest({ isClosed: false }),
])
export const text = unsigned.lines.join('')

/** `FILE:LINE what`, the first one first. */
export async function problemsOf(lines: readonly string[], options = {}): Promise<string[]> {
  const { problems } = await check(lines.join(''), options)
  return problems.map(({ where, what }) => `${where.name} ${what}`)
}

/** What a reader of the records would make of it: each line as an object. */
export function meaning(of: string): unknown[] {
  return of.split('\n').map((line) => {
    try {
      return JSON.parse(line)
    } catch {
      return line
    }
  })
}

const format = createRecordFormat({ version: '1', tenantId: 't', hostName: 'h' })

/** A line about the trail itself, to be sealed. */
export function event(sequence: number, name: 'chain.open' | 'chain.close' = 'chain.open'): string {
  return format.event({ name, time: 1, uid: 'u' }, sequence)
}

/** A line of a read, to be sealed. */
export function read(sequence: number): string {
  return format.request(
    { action: 'read', time: sequence, durationMs: 1, requestId: 'r', peer: {}, status: 200 },
    sequence,
  )
}

/** As somebody would who can write the file, and knows how it is made. */
export function resealed(line: string, previous?: string): string {
  const [, before = '', prev = ''] =
    /^(.*"unmapped":\{.*?),?"attestation_list":\[\{"chain_uid":"[^"]*"(?:,"prev_event":\{"fingerprint":\{"algorithm_id":3,"value":"([0-9a-f]{64})"\}\})?,/.exec(
      line,
    ) ?? []
  const [, uid = ''] = /"chain_uid":"([^"]*)"/.exec(line) ?? []
  const chain = createChain()
  const made = chain.seal(before).replace(chain.uid, uid)
  const linked = previous ?? prev
  const covered = made.slice(0, made.lastIndexOf(',"fingerprint"'))
  return sealWith(
    linked === ''
      ? covered
      : `${covered},"prev_event":{"fingerprint":{"algorithm_id":3,"value":"${linked}"}}`,
  )
}

function sealWith(covered: string): string {
  const fingerprint = hash('sha256', covered)
  return `${covered},"fingerprint":{"algorithm_id":3,"value":"${fingerprint}"}}]}}\n`
}

/** Each record from this one on says something else, and the chain is made anew; signatures are lost. */
export function rewrite(of: readonly string[], from: number): string[] {
  const rewritten = of.slice(0, from - 1)
  for (const line of of.slice(from - 1)) {
    const [, previous] =
      /,"fingerprint":\{"algorithm_id":3,"value":"([0-9a-f]{64})"\}(?!.*,"fingerprint")/.exec(
        rewritten.at(-1) ?? '',
      ) ?? []
    const sequence = `"sequence":${rewritten.length + 1}`
    rewritten.push(
      resealed(line.replace(/"sequence":\d+/, sequence).replace('"request-', '"other-'), previous),
    )
  }
  return rewritten
}
