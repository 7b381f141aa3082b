/** A way to a server that can be worse than that: closed, standing still, slow, or leading to another one. */

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export interface Way extends AsyncDisposable {
  /** As that server's, with another port. */
  readonly url: string
  /** Connections that have been made on it so far. */
  readonly connections: number
  /** Nobody listens at its end, and whoever was connected is cut off. */
  close(): Promise<void>
  open(): Promise<void>
  /** It takes connections, and what is sent on them stays on its way. */
  hold(): void
  /** What is on its way arrives, in order. */
  release(): void
  /** How much is on its way, in chunks. */
  readonly held: number
  /** Each chunk takes this long from now on, in milliseconds, either way. */
  delay(ms: number): void
  /** From now on it leads there; whoever was connected is cut off. */
  leadTo(port: number): void
}

export async function startWay(to: string): Promise<Way> {
  const there = new URL(to)
  const sockets = new Set<Socket>()
  let server: Server | undefined
  let [port, target, connections, delayMs, isHolding] = [0, Number(there.port), 0, 0, false]
  let held: (() => void)[] = []

  function carry(one: Socket, other: Socket): void {
    const pass = (deliver: () => void): void => {
      if (isHolding) held.push(deliver)
      else if (delayMs > 0) setTimeout(deliver, delayMs)
      else deliver()
    }
    sockets.add(one)
    one.on('error', () => undefined)
    one.on('data', (chunk) => pass(() => void (other.destroyed || other.write(chunk))))
    one.once('close', () => {
      sockets.delete(one)
      other.destroy()
    })
  }

  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }

  async function open(): Promise<void> {
    server = createServer((socket) => {
      connections += 1
      const onwards = connect(target, '127.0.0.1')
      carry(socket, onwards)
      carry(onwards, socket)
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
    port = (server.address() as AddressInfo).port
  }

  async function close(): Promise<void> {
    if (server?.listening !== true) return
    const closed = once(server, 'close')
    server.close()
    cut()
    await closed
  }

  await open()
  return {
    url: `${there.protocol}//${there.hostname}:${port}`,
    get connections() {
      return connections
    },
    close,
    open,
    hold: () => void (isHolding = true),
    release() {
      isHolding = false
      const delivering = held
      held = []
      for (const deliver of delivering) deliver()
    },
    get held() {
      return held.length
    },
    delay: (ms) => void (delayMs = ms),
    leadTo(other) {
      target = other
      cut()
    },
    [Symbol.asyncDispose]: close,
  }
}
