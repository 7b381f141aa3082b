/**
 * A server that listens, and can be stopped for good.
 *
 * @module
 */

import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { StartFailure } from '../errors.ts'

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

const problems: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another process: stop it, or choose another port',
  EADDRNOTAVAIL: 'is not an address of this machine',
  EACCES: 'may not be listened on by this user: choose a port from 1024 on',
}

/** @throws {StartFailure} the address cannot be listened on */
export async function listen(server: Server, { host, port, key }: ListenOptions): Promise<Listening> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const problem = problems[error.code ?? ''] ?? `cannot be listened on (${error.message})`
      reject(new StartFailure(`${key}: ${host}:${port} ${problem}`, { cause: error }))
    })
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
