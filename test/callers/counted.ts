/** Callers of one issuer, whose keys are handed out under the eyes of the test. */

import assert from 'node:assert/strict'
import { createLocalJWKSet } from 'jose'
import { type Callers, createCallers, type Reviews, Unauthenticated } from '../../src/callers/index.ts'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { createForge, type Forge } from './forge.ts'

const issuer = 'https://id.example'
const audience = 'session-gateway.test'
export const forge = createForge('ed25519')

export interface Counted {
  readonly callers: Callers
  readonly clock: FakeClock
  /** How often a signature was to be verified. */
  readonly verifications: number
  /** How often the issuer was to be asked for its keys. */
  readonly fetches: number
  publish(...forges: readonly Forge[]): void
  /** Once, after a key has been handed out and before the signature has been verified with it. */
  whileVerifying: (() => void) | undefined
  /** Signed by the forge whose key is published, unless by another. */
  token(claims?: object, signs?: Forge): string
  /** The caller's subject, or `undefined` when the token is refused. */
  subjectOf(token: string): Promise<string | undefined>
}

/** @param reviewing makes what the issuer's tokens are reviewed by, where they are */
export function counted(reviewing?: (clock: FakeClock) => Reviews): Counted {
  const clock = createFakeClock(1_800_000_000_000)
  let verifications = 0
  let fetches = 0
  let generation = 1
  let local = createLocalJWKSet({ keys: [forge.publicJwk] })
  const callers = createCallers({
    clock,
    issuers: [
      {
        demands: { name: 'id', audience, clockToleranceMs: 30_000, subject: { claim: 'sub' }, require: {} },
        keys: {
          held: {
            issuer,
            async keyFor(header, token) {
              verifications += 1
              const key = await local(header, token)
              counts.whileVerifying?.()
              counts.whileVerifying = undefined
              return key
            },
          },
          get generation() {
            return generation
          },
          async refetch() {
            fetches += 1
          },
          problem: undefined,
          isUpToDate: true,
          close: () => {},
        },
        reviews: reviewing?.(clock),
      },
    ],
  })
  const counts: Counted = {
    callers,
    clock,
    whileVerifying: undefined,
    get verifications() {
      return verifications
    },
    get fetches() {
      return fetches
    },
    publish(...forges) {
      local = createLocalJWKSet({ keys: forges.map(({ publicJwk }) => publicJwk) })
      generation += 1
    },
    token: (claims, signs = forge) =>
      signs.sign({ iss: issuer, aud: audience, sub: 'reader', exp: clock.now() / 1000 + 3600, ...claims }),
    async subjectOf(token) {
      try {
        return (await callers.identify(`Bearer ${token}`)).subject
      } catch (error) {
        assert(error instanceof Unauthenticated)
        return undefined
      }
    },
  }
  return counts
}
