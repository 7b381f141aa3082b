/**
 * The keys that seal whatever replicas share, read again when the file changes.
 *
 * Nothing that is said here holds anything of what stands in the file, ids included: who mistakes the
 * order of a line has written a key where the id belongs.
 *
 * @module
 */

import { createSecretKey, type KeyObject } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { messageOf, StartFailure } from '../errors.ts'
import { poll, type Polled } from '../polled.ts'
import { readRegular } from '../regular-file.ts'

export interface Key {
  /** 1 to 32 of `[A-Za-z0-9._-]`; it is stored in the clear beside what the key seals. */
  readonly id: string
  /** 32 bytes, from which others are derived. Prints as nothing. */
  readonly master: KeyObject
}

export interface Keys {
  /** Seals. */
  readonly writing: Key
  /** Open: one or two, the writing one first. */
  readonly readable: readonly Key[]
}

export interface KeysFileOptions {
  readonly file: string
  readonly clock: Clock
  /** Told when other keys are in use, and when what is wrong with the file changes; `undefined` is nothing. */
  readonly observer: (problem: string | undefined) => void
}

const keyBytes = 32
const mostKeys = 2

/** @throws {StartFailure} the file does not work: the message says why and in which line */
export async function watchKeys({ file, clock, observer }: KeysFileOptions): Promise<Polled<Keys>> {
  const read = (): Promise<Keys> => readKeys(file)
  const first = await read().catch((error: unknown) => {
    throw new StartFailure(`cache.shared.keysFile: ${messageOf(error)}`)
  })
  return poll({ first, read, isSame, clock, observer })
}

function isSame(one: Keys, other: Keys): boolean {
  return (
    one.readable.length === other.readable.length &&
    one.readable.every(({ id, master }, index) => {
      const twin = other.readable[index]
      return twin?.id === id && twin.master.equals(master)
    })
  )
}

async function readKeys(file: string): Promise<Keys> {
  const found: { key: Key; line: number }[] = []
  for (const [index, text] of (await readText(file)).split(/\r?\n/).entries()) {
    const words = text.trim()
    if (words === '' || words.startsWith('#')) continue
    const line = index + 1
    const fault = (what: string): Error => new Error(`${file}, line ${line}: ${what}`)
    if (found.length === mostKeys) throw fault('a third key, and two are read at most: remove the oldest one')
    const key = parseKey(words)
    if (typeof key === 'string') throw fault(key)
    for (const other of found) {
      if (other.key.id === key.id) throw fault(`the id of line ${other.line} again: give each key its own`)
      if (other.key.master.equals(key.master)) {
        throw fault(`the key of line ${other.line} again: a new id needs a new key`)
      }
    }
    found.push({ key, line })
  }
  const readable = found.map(({ key }) => key)
  const [writing] = readable
  if (writing === undefined) throw new Error(`${file} holds no key: write one as ${form}`)
  return { writing, readable }
}

const form = '`<id> <base64 of 32 bytes>`'

/** @returns what is wrong, when it is a string */
function parseKey(words: string): Key | string {
  const [id = '', encoded = '', ...more] = words.split(/[ \t]+/)
  if (encoded === '' || more.length > 0) return `expected ${form}`
  if (!/^[A-Za-z0-9._-]{1,32}$/.test(id)) return 'the id must be 1 to 32 of A-Z a-z 0-9 . _ -'
  const bytes = Buffer.from(encoded, 'base64')
  // Node passes over what is no base64, and this must not be guesswork.
  if (bytes.length !== keyBytes || bytes.toString('base64') !== encoded) {
    return 'the key must be base64 of exactly 32 bytes, as `openssl rand -base64 32` writes it'
  }
  if (bytes.every((byte) => byte === bytes[0])) {
    return 'the key is one byte 32 times: make one with `openssl rand -base64 32`'
  }
  return { id, master: createSecretKey(bytes) }
}

async function readText(file: string): Promise<string> {
  return readRegular(file).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${file} cannot be read (${error.code ?? 'it is no regular file'})`)
  })
}
