/**
 * The chain: each record holds the fingerprint of the one before it and its own, so that none can be altered, left out,
 * repeated or moved without a break that a verifier names.
 *
 * In the spirit of OCSF's Record Integrity profile (1.9, not released; under `unmapped` until it is). The fingerprint is
 * SHA-256 over the bytes of the line before it. A link a record, not a batch: it costs under 1 µs, and the verifier can
 * name the record.
 *
 * @module
 */

import { createPublicKey, hash, type KeyObject, randomUUID, sign } from 'node:crypto'
import type { OpenLine } from './record.ts'

/** A record as the next one, a head line or another chain refers to it. */
export interface Link {
  readonly chainUid: string
  /** Its number in its chain, from 1. */
  readonly sequence: number
  /** SHA-256, lower-case hexadecimal. */
  readonly fingerprint: string
}

export interface Chain {
  readonly uid: string
  /** Whether there is a key to sign with. */
  readonly signs: boolean
  /** The newest record; undefined before the first. */
  readonly head: Link | undefined
  /**
   * Closes a line and links it to the one before.
   *
   * @param isSigned signs the fingerprint, where there is a key
   */
  seal(open: OpenLine, isSigned?: boolean): string
}

/** What stands between the bytes that a fingerprint covers and the fingerprint. */
export const beforeFingerprint = ',"fingerprint":{"algorithm_id":3,"value":"'

/** @param key Ed25519, private */
export function createChain(key?: KeyObject): Chain {
  const uid = randomUUID()
  const keyUid = key === undefined ? '' : keyUidOf(createPublicKey(key))
  let head: Link | undefined
  return {
    uid,
    signs: key !== undefined,
    get head() {
      return head
    },
    seal(open, isSigned = false) {
      const covered =
        `${continued(open)}"attestation_list":[{"chain_uid":"${uid}"` +
        (head === undefined
          ? ''
          : `,"prev_event":{"fingerprint":{"algorithm_id":3,"value":"${head.fingerprint}"}}`)
      const fingerprint = hash('sha256', covered)
      head = { chainUid: uid, sequence: (head?.sequence ?? 0) + 1, fingerprint }
      const signature =
        key === undefined || !isSigned
          ? ''
          : `,"signatures":[{"algorithm_id":99,"algorithm":"Ed25519","key_uid":"${keyUid}",` +
            `"value":"${sign(null, Buffer.from(fingerprint), key).toString('base64')}"}]`
      return `${covered}${beforeFingerprint}${fingerprint}"}${signature}}]}}\n`
    },
  }
}

/** A line that belongs to no chain. */
export function closeLine(open: OpenLine): string {
  return `${open}}}\n`
}

/** By which a signature names its key: the beginning of SHA-256 over the public key (SPKI, DER), in hexadecimal. */
export function keyUidOf(publicKey: KeyObject): string {
  return hash('sha256', publicKey.export({ type: 'spki', format: 'der' })).slice(0, 16)
}

function continued(open: OpenLine): string {
  return open.endsWith('{') ? open : `${open},`
}
