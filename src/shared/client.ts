/**
 * The client of one try to connect: it is made, connects once, and is thrown away.
 *
 * @module
 */

import { isIP } from 'node:net'
import { checkServerIdentity, type SecureContext } from 'node:tls'
import { createClient, RESP_TYPES } from '@redis/client'
import type { Login } from './credentials.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** The certificate is to be of one of these authorities, for the host or one of the names. */
export interface Trust {
  readonly context: SecureContext
  readonly names: readonly string[]
}

/** Of commands that wait for their answers: more would only be memory. */
const longestQueue = 4_096

const typeMapping = { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.SIMPLE_STRING]: Buffer }

/** Until it has an error listener, an error of it ends the process. */
// oxlint-disable-next-line typescript/explicit-function-return-type -- it has dozens of type parameters
export function clientFor(
  { host, port }: Address,
  {
    tls,
    login,
    connectTimeoutMs,
  }: { tls: Trust | undefined; login: Login | undefined; connectTimeoutMs: number },
) {
  return createClient({
    ...login,
    RESP: 3,
    name: 'session-gateway',
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    commandsQueueMaxLength: longestQueue,
    // Whoever asks has a limit of their own, and a signal for each command would cost more than the command.
    commandOptions: { timeout: 0, typeMapping },
    socket: {
      host,
      port,
      reconnectStrategy: false,
      connectTimeout: connectTimeoutMs,
      ...(tls === undefined
        ? {}
        : {
            tls: true,
            rejectUnauthorized: true,
            secureContext: tls.context,
            servername: [host, ...tls.names].find((name) => isIP(name) === 0) ?? '',
            checkServerIdentity: (_asked: string, certificate) =>
              [...tls.names].reduce<Error | undefined>(
                (problem, name) => problem && checkServerIdentity(name, certificate),
                checkServerIdentity(host, certificate),
              ),
          }),
    },
  })
}
