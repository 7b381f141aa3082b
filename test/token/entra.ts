/** Exchanges with the emulated Entra, MSAL and all, and what the operator would read of them. */

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { type Emulator, startEmulator } from '../../src/emulator/index.ts'
import { createOutbound } from '../../src/outbound/index.ts'
import {
  type AppToken,
  createExchange,
  type CredentialSource,
  type Exchange,
  ExchangeFailed,
  type ExchangeOptions,
} from '../../src/token/index.ts'

export interface EntraWorld extends AsyncDisposable {
  readonly emulator: Emulator
  /** The secret that is right, unless told. */
  exchange(changes?: Partial<ExchangeOptions>): Exchange
  /** Writes a file; @returns its path */
  file(name: string, content: string): Promise<string>
  readonly rightSecret: CredentialSource
}

export async function startEntra(): Promise<EntraWorld> {
  const emulator = await startEmulator()
  const folder = await mkdtemp(join(tmpdir(), 'session-gateway-test-'))
  const outbound = createOutbound({ clock: systemClock, extraCa: emulator.caPem })
  const rightSecret = secretOf(emulator.entra.clientSecret)
  return {
    emulator,
    rightSecret,
    exchange: (changes = {}) =>
      createExchange({
        tenantId: emulator.entra.tenantId,
        clientId: emulator.entra.clientId,
        authorityHost: emulator.url,
        credential: rightSecret,
        outbound,
        clock: systemClock,
        deadlineMs: 60_000,
        clockCompared: () => undefined,
        ...changes,
      }),
    async file(name, content) {
      const path = join(folder, name)
      await writeFile(path, content)
      return path
    },
    async [Symbol.asyncDispose]() {
      await outbound.close()
      await emulator.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export function secretOf(text: string): CredentialSource {
  return { type: 'secret', value: { reveal: () => text } }
}

/** The failure of an exchange that must fail, and hold nothing of what must not be told. */
export async function failureOf(
  exchange: () => Promise<AppToken>,
  ...secrets: string[]
): Promise<ExchangeFailed> {
  const failure: unknown = await exchange().then(
    () => assert.fail('the exchange succeeded'),
    (error: unknown) => error,
  )
  assert.ok(failure instanceof ExchangeFailed, String(failure))
  for (const secret of secrets) {
    assert.ok(secret.length >= 10)
    for (let error: unknown = failure; error instanceof Error; error = error.cause) {
      assert.ok(!`${error.message} ${error.stack}`.includes(secret), 'a secret is in the failure')
    }
  }
  return failure
}
