/** Exchanges with the emulated IMDS, MSAL and all. */

import { systemClock } from '../../src/clock.ts'
import { type Emulator, startEmulator } from '../../src/emulator/index.ts'
import { createLinkLocal } from '../../src/outbound/index.ts'
import { createManagedExchange, type Exchange, type ManagedExchangeOptions } from '../../src/token/index.ts'

export interface Machine extends AsyncDisposable {
  readonly emulator: Emulator
  /** By the system-assigned identity, which is right, unless told. */
  exchange(changes?: Partial<ManagedExchangeOptions>): Exchange
}

export async function startMachine(): Promise<Machine> {
  const emulator = await startEmulator()
  const linkLocal = createLinkLocal(systemClock)
  return {
    emulator,
    exchange: (changes = {}) =>
      createManagedExchange({
        tenantId: emulator.entra.tenantId,
        clientId: emulator.entra.clientId,
        assigned: 'system',
        endpoint: emulator.imds.url,
        linkLocal,
        clock: systemClock,
        deadlineMs: 60_000,
        clockCompared: () => undefined,
        ...changes,
      }),
    async [Symbol.asyncDispose]() {
      linkLocal.close()
      await emulator.close()
    },
  }
}

/** Header names in lower case. */
export function headersOf({ rawHeaders }: { readonly rawHeaders: readonly string[] }): Map<string, string> {
  return new Map(
    rawHeaders.flatMap((name, index) =>
      index % 2 === 0 ? [[name.toLowerCase(), rawHeaders[index + 1] ?? ''] as const] : [],
    ),
  )
}
