/**
 * What signatures cover: every record up to the newest one that is signed. A signing gateway signs each record about the
 * trail itself, and any record when the newest signature is a minute old.
 *
 * @module
 */

import { type KeyObject, verify } from 'node:crypto'
import { keyUidOf } from './chain.ts'
import { nameOf, type Place, type Problem } from './checked-chain.ts'
import type { Attested } from './line.ts'

export interface Signed {
  /** The newest record that a signature covers, with all before it; 0 for none. */
  readonly signedUpTo: number
  /** Signatures that no key was given for. */
  readonly unchecked: number
}

export interface SignatureCheck {
  take(record: Attested, where: Place): void
  /** After the last record. */
  end(): void
  of(chainUid: string): Signed
}

interface State {
  signedUpTo: number
  unchecked: number
  /** Epoch milliseconds of the newest record that is signed. */
  signedAt: number
  /** Of the records since the newest signature, in epoch milliseconds. */
  unsignedFrom: number
  unsignedUntil: number
}

/** A signature a minute; two for the longest request, which is on record with the time it came; and some for clocks. */
const longestUnsignedMs = 5 * 60_000

/** @param keys public; without any, signatures are only counted */
export function createSignatureCheck(
  keys: readonly KeyObject[],
  report: (problem: Problem) => void,
): SignatureCheck {
  const keysByUid = new Map(keys.map((key) => [keyUidOf(key), key]))
  const states = new Map<string, State>()

  function stateOf(uid: string): State {
    const known = states.get(uid)
    if (known !== undefined) return known
    const state = {
      signedUpTo: 0,
      unchecked: 0,
      signedAt: -Infinity,
      unsignedFrom: Infinity,
      unsignedUntil: -Infinity,
    }
    states.set(uid, state)
    return state
  }

  function faultOf(record: Attested): string | undefined {
    const { signature, fingerprint } = record
    if (signature === undefined) return `${nameOf(record)} is not signed, and should be`
    const key = keysByUid.get(signature.keyUid)
    if (key === undefined) return `${nameOf(record)} is signed with key ${signature.keyUid}, not with yours`
    const bytes = Buffer.from(signature.value, 'base64')
    const isGood =
      bytes.toString('base64') === signature.value && verify(null, Buffer.from(fingerprint), key, bytes)
    return isGood ? undefined : `the signature of ${nameOf(record)} does not hold`
  }

  function endRun(uid: string, state: State): void {
    if (state.unsignedUntil - state.unsignedFrom > longestUnsignedMs) {
      const what = `after record ${state.signedUpTo} nothing is signed for longer than a gateway leaves it so`
      report({ where: { name: `chain ${uid}`, at: Infinity }, what })
    }
    state.unsignedFrom = Infinity
    state.unsignedUntil = -Infinity
  }

  return {
    take(record, where) {
      const state = stateOf(record.chainUid)
      const { signature, operation, time, sequence } = record
      if (keys.length === 0) {
        if (signature !== undefined) state.unchecked += 1
        return
      }
      if (signature !== undefined || operation.startsWith('audit.')) {
        const fault = faultOf(record)
        if (fault === undefined) {
          endRun(record.chainUid, state)
          state.signedUpTo = Math.max(state.signedUpTo, sequence)
          state.signedAt = time
          return
        }
        report({ where, what: fault })
      }
      state.unsignedFrom = Math.min(state.unsignedFrom, Math.max(time, state.signedAt))
      state.unsignedUntil = Math.max(state.unsignedUntil, time)
    },
    end() {
      for (const [uid, state] of states) {
        endRun(uid, state)
        if (keys.length === 0 || state.signedUpTo > 0) continue
        report({ where: { name: `chain ${uid}`, at: Infinity }, what: 'nothing in it is signed' })
      }
    },
    of: (uid) => stateOf(uid),
  }
}
