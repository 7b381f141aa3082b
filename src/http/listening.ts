/**
 * A server that listens, and can be stopped for good.
 *
 * @module
 */

import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface Listening extends AsyncDisposable {
  readonly address: AddressInfo
  /** Cuts every connection, those that have not said anything yet as well: Node's own list lacks them. */
  [Symbol.asyncDispose](): Promise<void>
}

export interface ListenOptions {
  readonly host: string
  readonly port: number
  /** The key of the configuration that an error names. */
  readonly key: string
}

/** @throws {Error} the address cannot be listened on */
export async function listen(server: Server, { host, port, key }: ListenOptions): Promise<Listening> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new Error(`${key}: ${error.message}`, { cause: error })))
    server.listen(port, host, resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error(`${key}: not an address with a port`)
  return {
    address,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
