/** A way to the emulator that can be closed: nobody listens at its end, and whoever was connected is cut off. */

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export interface Relay extends AsyncDisposable {
  /** As the emulator's, with another port. */
  readonly url: string
  close(): Promise<void>
  open(): Promise<void>
}

export async function startRelay(target: string): Promise<Relay> {
  const sockets = new Set<Socket>()
  let server: Server | undefined
  let port = 0

  async function open(): Promise<void> {
    server = createServer((socket) => {
      const there = connect(Number(new URL(target).port), '127.0.0.1')
      for (const [one, other] of [
        [socket, there],
        [there, socket],
      ] as const) {
        sockets.add(one)
        one.on('error', () => undefined)
        one.once('close', () => {
          sockets.delete(one)
          other.destroy()
        })
        one.pipe(other)
      }
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
    port = (server.address() as AddressInfo).port
  }

  async function close(): Promise<void> {
    if (server?.listening !== true) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }

  await open()
  return { url: `https://localhost:${port}`, open, close, [Symbol.asyncDispose]: close }
}
