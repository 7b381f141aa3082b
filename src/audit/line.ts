/**
 * A line of the trail, read again.
 *
 * @module
 */

import { hash } from 'node:crypto'
import { isJsonObject, type JsonObject } from '../json.ts'
import { beforeFingerprint, type Link } from './chain.ts'
import { toAscii } from './text.ts'

/** What a line says of itself. Nothing of it is believed yet. */
export interface Attested extends Link {
  /** The fingerprint of the record before it; undefined in the first of a chain. */
  readonly previous: string | undefined
  readonly signature: { readonly keyUid: string; readonly value: string } | undefined
  /** Epoch milliseconds. */
  readonly time: number
  readonly operation: string
  /** In the first record of a chain: where an earlier one in the same place ended. */
  readonly previousChain: Link | undefined
  /**
   * Whether its fingerprint is that of its bytes. `reprinted`: of the bytes that it had before somebody parsed it and
   * printed it anew.
   */
  readonly isIntact: boolean | 'reprinted'
}

/** A longer line is no record. In characters. */
export const longestLine = 64 * 1024

/** @returns undefined when it is no record of a chain */
export function readLine(line: string): Attested | undefined {
  const record = line.length > longestLine ? undefined : parseObject(line)
  if (record === undefined) return undefined
  const { metadata, unmapped, api, time } = record
  const { attestation_list: list, trail } = isJsonObject(unmapped) ? unmapped : {}
  const attestation: unknown = Array.isArray(list) && list.length === 1 ? list[0] : undefined
  if (!isJsonObject(attestation) || !isJsonObject(metadata) || !isJsonObject(api)) return undefined
  const { chain_uid: chainUid, prev_event: before, fingerprint, signatures } = attestation
  const { sequence } = metadata
  const value = valueOf(fingerprint)
  if (typeof chainUid !== 'string' || typeof time !== 'number') return undefined
  if (!isCount(sequence) || value === undefined) return undefined
  return {
    chainUid,
    sequence,
    fingerprint: value,
    previous: isJsonObject(before) ? valueOf(before['fingerprint']) : undefined,
    signature: signatureOf(signatures),
    time,
    operation: String(api['operation']),
    previousChain: isJsonObject(trail) ? previousOf(trail['previous']) : undefined,
    isIntact: isIntact(line, value) || (isIntact(asWePrint(line), value) && 'reprinted'),
  }
}

/** Where a chain that ends in this line ends. */
export function linkOf(line: string | undefined): Link | undefined {
  const read = line === undefined ? undefined : readLine(line)
  return read && { chainUid: read.chainUid, sequence: read.sequence, fingerprint: read.fingerprint }
}

/** Without spaces, and with our escapes. Nothing is left out, moved or joined: a second value of a key stays one. */
function asWePrint(line: string): string {
  return line.replace(/"(?:[^"\\]|\\.)*"|\s+/g, (token) =>
    token.startsWith('"') ? toAscii(JSON.stringify(JSON.parse(token))) : '',
  )
}

/** What divides the two cannot stand in a text of the record: quotes are escaped there. */
function isIntact(line: string, fingerprint: string): boolean {
  const at = line.lastIndexOf(beforeFingerprint)
  if (at === -1) return false
  const rest = line.slice(at + beforeFingerprint.length)
  return end.exec(rest)?.[1] === fingerprint && hash('sha256', line.slice(0, at)) === fingerprint
}

const end =
  /^([0-9a-f]{64})"\}(?:,"signatures":\[\{"algorithm_id":99,"algorithm":"Ed25519","key_uid":"[0-9a-f]{16}","value":"[A-Za-z0-9+/]{86}=="\}\])?\}\]\}\}$/

function parseObject(line: string): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(line)
    return isJsonObject(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

function valueOf(fingerprint: unknown): string | undefined {
  if (!isJsonObject(fingerprint)) return undefined
  const { value } = fingerprint
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? value : undefined
}

function signatureOf(signatures: unknown): Attested['signature'] {
  const signature: unknown = Array.isArray(signatures) ? signatures[0] : undefined
  if (!isJsonObject(signature)) return undefined
  const { key_uid: keyUid, value } = signature
  return typeof keyUid === 'string' && typeof value === 'string' ? { keyUid, value } : undefined
}

function previousOf(previous: unknown): Link | undefined {
  if (!isJsonObject(previous)) return undefined
  const { chainUid, sequence, fingerprint } = previous
  return typeof chainUid === 'string' && isCount(sequence) && typeof fingerprint === 'string'
    ? { chainUid, sequence, fingerprint }
    : undefined
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}
