/**
 * RSA keys for emulators. To make one takes longer than all else that a world needs, so those of an emulator that has
 * gone sign for the next one; two that are there at the same time never have one in common.
 */

import { newSigningKey, type SigningKey } from '../../src/emulator/index.ts'

const spare: SigningKey[] = []

export interface BorrowedKeys extends Disposable {
  readonly makeKey: () => Promise<SigningKey>
}

export function borrowKeys(): BorrowedKeys {
  const borrowed: SigningKey[] = []
  return {
    async makeKey() {
      const key = spare.pop() ?? (await newSigningKey())
      borrowed.push(key)
      return key
    },
    [Symbol.dispose]() {
      spare.push(...borrowed.splice(0))
    },
  }
}
