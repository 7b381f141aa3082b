/** Talks to a gateway over connections of its own, and knows of each request whether its answer is still to come. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { readAnswers, type WireAnswer } from '../security/wire.ts'
import { wholeAnswers } from '../world/raw.ts'

export interface Asking {
  /** latin1 */
  readonly bytes: string
  readonly isHead: boolean
  /** So many of them in one write. */
  readonly times?: number
}

export interface Talk extends Disposable {
  /** Sends it, on a connection that waits for nothing. */
  ask(asking: Asking): Promise<void>
  /** Answers that are still to come. */
  readonly open: number
  /** What has come to its end since the last time, in the order in which it was asked for. */
  answers(): WireAnswer[]
}

interface Asked {
  text: string
  readonly times: number
  readonly isHead: boolean
  isClosed: boolean
}

export function startTalk(port: number): Talk {
  const sockets = new Set<Socket>()
  let asking: Asked[] = []
  /** The connection that has had all its answers, and may have more. */
  let idle: Socket | undefined

  async function connected(): Promise<Socket> {
    if (idle !== undefined && !idle.destroyed) return idle
    const socket = connect(port, '127.0.0.1').setEncoding('latin1')
    sockets.add(socket)
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    return socket
  }

  /** What cannot be read is answered without regard to its method. */
  const isBodiless = ({ text, isHead }: Asked): boolean => isHead && !text.includes('\r\n\r\n{')
  const toCome = (asked: Asked): number =>
    asked.isClosed ? 0 : asked.times - wholeAnswers(asked.text, isBodiless(asked))

  return {
    async ask({ bytes, isHead, times = 1 }) {
      const socket = await connected()
      idle = undefined
      const asked: Asked = { text: '', times, isHead, isClosed: false }
      asking.push(asked)
      const onClose = (): void => void (asked.isClosed = true)
      const onData = (chunk: string): void => {
        asked.text += chunk
        if (toCome(asked) > 0 || /^connection: close/im.test(asked.text)) return
        socket.off('data', onData).off('close', onClose)
        idle = socket
      }
      socket.on('data', onData).on('close', onClose)
      socket.write(bytes.repeat(times), 'latin1')
    },
    get open() {
      return asking.reduce((sum, asked) => sum + toCome(asked), 0)
    },
    answers() {
      const over = asking.filter((asked) => toCome(asked) === 0)
      asking = asking.filter((asked) => !over.includes(asked))
      return over.flatMap((asked) => readAnswers(asked.text, isBodiless(asked)))
    },
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy()
    },
  }
}
