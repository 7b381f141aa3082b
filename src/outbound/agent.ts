/**
 * Node's agent for what streams through, with connections made as all others are.
 *
 * @module
 */

import { Agent, type AgentOptions } from 'node:https'
import type { ClientRequestArgs } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Connector } from './connector.ts'
import { asFailure } from './failure.ts'

/** More than that idle are not worth their descriptors. How many are busy at once is for who asks to bound. */
const mostIdle = 64

export class ConnectorAgent extends Agent {
  readonly #connector: Connector

  constructor(connector: Connector, options: Pick<AgentOptions, 'keepAlive' | 'timeout'>) {
    super({ maxFreeSockets: mostIdle, ...options })
    this.#connector = connector
  }

  /** Of what a request says only where it goes counts: it could loosen the check of the certificate, or its name. */
  override createConnection(
    { host, port }: ClientRequestArgs,
    callback?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    const hostname = host ?? ''
    const origin = `https://${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`
    this.#connector.connect(
      { hostname, host: new URL(origin).host, protocol: 'https:', port: String(port) },
      (error, socket) => {
        if (error === null) callback?.(null, socket)
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- there is none, and Node looks for none
        else callback?.(asFailure(error, this.#connector.wayTo(origin)), undefined as never)
      },
    )
  }
}
