/**
 * How a connection is made, the same for both lanes: undici's own agents and Node's are handed this one function, so
 * that trust, name check and time are the same whoever asks.
 *
 * @module
 */

import { Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import { buildConnector } from 'undici'

export interface Connector {
  readonly connect: buildConnector.connector
  /** Ends what is only being made, which no agent knows of yet, and makes none any more. */
  readonly end: () => void
}

const connectTimeoutMs = 10_000

/** @param ca the authorities that are trusted, and no others */
export function createConnector(ca: string | string[]): Connector {
  const connecting = new Set<Socket>()
  let hasEnded = false
  const connector = buildConnector({
    allowH2: false,
    timeout: connectTimeoutMs,
    // Made once: reading hundreds of authorities anew would take longer than connecting.
    secureContext: createSecureContext({ ca }),
  })
  return {
    connect(options, callback) {
      if (hasEnded) {
        callback(stopping(), null)
        return
      }
      // It returns the socket, whatever its type says.
      const socket: unknown = connector(options, (...outcome) => {
        if (socket instanceof Socket) connecting.delete(socket)
        callback(...outcome)
      })
      if (socket instanceof Socket) connecting.add(socket)
    },
    end() {
      hasEnded = true
      for (const socket of connecting) socket.destroy(stopping())
    },
  }
}

function stopping(): Error {
  return new Error('the gateway is stopping')
}
