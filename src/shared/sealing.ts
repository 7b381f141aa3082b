/**
 * What leaves for Redis is sealed: nobody without a key reads it, changes it, or puts it in another place.
 *
 * AES-256-GCM (NIST SP 800-38D; as an AEAD, RFC 5116 §5.2) under a key and a nonce for this value alone, both from HKDF
 * with SHA-256 (RFC 5869) of a master key and 16 random bytes. One key with random nonces, chosen by replicas that know
 * nothing of each other, would have to be changed after 2³² values (SP 800-38D §8.3), and nobody counts them across
 * replicas. Here a key meets one nonce and one value, unless two salts of 128 bits are equal: for 2⁴⁸ values under one
 * master key that has a probability below 2⁻³². A value is far below the 64 GiB that one nonce may encrypt (§5.2.1.1).
 *
 * Layout of version 1:
 *
 *     version (1) | length of the id (1) | id | salt (16) | ciphertext | tag (16)
 *
 * @module
 */

import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import type { Key, Keys } from './keys.ts'

/** `version`: of another layout. `key`: under one that we do not have. `altered`: whatever else does not authenticate. */
export type Refusal = 'version' | 'key' | 'altered'

export interface Sealing {
  /**
   * @param about what the value belongs to, such as the key of its entry: it opens there and nowhere else
   * @returns other bytes each time
   */
  seal(plain: Buffer, about: string): Buffer
  /** Never throws, whatever the bytes. */
  open(sealed: Buffer, about: string): { readonly plain: Buffer } | { readonly refused: Refusal }
  /**
   * Names that say nothing of what they stand for, and that nobody without a key can make: HMAC-SHA-256 (RFC 2104) with
   * a key of its own, in base64url.
   *
   * @returns one for each readable key, the writing one's first
   */
  names(of: string): readonly string[]
}

const version = 1
const cipher = 'aes-256-gcm'
const longestId = 32
const saltBytes = 16
const keyBytes = 32
/** The one length for which GCM takes a nonce as it is (SP 800-38D §7.1). */
const nonceBytes = 12
const tagBytes = 16

/** HKDF's `info` keeps keys for different purposes apart (RFC 5869 §3.2). */
const forValues = 'session-gateway shared tier, version 1: value'
const forNames = 'session-gateway shared tier, version 1: names'

/** @param keys asked at each call, so that a rotated file counts at once */
export function createSealing(keys: () => Keys): Sealing {
  const nameKeys = new WeakMap<Key, KeyObject>()

  function nameKeyOf(key: Key): KeyObject {
    const known = nameKeys.get(key)
    if (known !== undefined) return known
    const derived = createSecretKey(derive(key, Buffer.alloc(0), forNames, keyBytes))
    nameKeys.set(key, derived)
    return derived
  }

  return {
    seal(plain, about) {
      const { writing } = keys()
      const id = Buffer.from(writing.id, 'latin1')
      const salt = randomBytes(saltBytes)
      const header = Buffer.concat([Buffer.of(version, id.length), id, salt])
      const { key, nonce } = onceFor(writing, salt)
      const sealing = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes })
      sealing.setAAD(boundTo(header, about))
      return Buffer.concat([header, sealing.update(plain), sealing.final(), sealing.getAuthTag()])
    },

    open(sealed, about) {
      if (sealed.length > 0 && sealed[0] !== version) return { refused: 'version' }
      const idLength = sealed[1] ?? 0
      const saltAt = 2 + idLength
      const textAt = saltAt + saltBytes
      const tagAt = sealed.length - tagBytes
      if (idLength === 0 || idLength > longestId || tagAt < textAt) return { refused: 'altered' }
      const id = sealed.toString('latin1', 2, saltAt)
      const master = keys().readable.find((each) => each.id === id)
      if (master === undefined) return { refused: 'key' }
      const { key, nonce } = onceFor(master, sealed.subarray(saltAt, textAt))
      const opening = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes })
      opening.setAAD(boundTo(sealed.subarray(0, textAt), about)).setAuthTag(sealed.subarray(tagAt))
      const plain = opening.update(sealed.subarray(textAt, tagAt))
      try {
        opening.final()
        return { plain }
      } catch {
        return { refused: 'altered' }
      }
    },

    names(of) {
      return keys().readable.map((key) =>
        createHmac('sha256', nameKeyOf(key)).update(bytesOf(of)).digest('base64url'),
      )
    },
  }
}

function onceFor(master: Key, salt: Buffer): { readonly key: Buffer; readonly nonce: Buffer } {
  const both = derive(master, salt, forValues, keyBytes + nonceBytes)
  return { key: both.subarray(0, keyBytes), nonce: both.subarray(keyBytes) }
}

function derive({ master }: Key, salt: Buffer, info: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', master, salt, info, length))
}

/** The header says itself where it ends, so no other header and text make the same bytes. */
function boundTo(header: Buffer, about: string): Buffer {
  return Buffer.concat([header, bytesOf(about)])
}

/** UTF-16, as strings are: in UTF-8 all halves of surrogate pairs are one and the same character. */
function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'utf16le')
}
