/** Bytes on a socket, and the bytes that come back: for what no HTTP client would send. */

import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

export interface RawAnswer {
  /** Everything that came back until the other side closed, or `until` was satisfied. */
  readonly text: string
  /** Whether the other side closed the connection. */
  readonly isClosed: boolean
}

export interface RawOptions {
  readonly port: number
  /** Speaks TLS when given. */
  readonly ca?: string
  /** Stop reading when this says so; otherwise when the other side closes. */
  readonly until?: (text: string) => boolean
  /** Say that no more will come, once this has settled. */
  readonly endsAfter?: () => Promise<unknown>
}

/** Sends the bytes as they are (latin1), each element of a list in a write of its own, or as they come. */
export function sendRaw(
  bytes: string | readonly string[] | AsyncIterable<string>,
  options: RawOptions,
): Promise<RawAnswer> {
  const { port, ca, until = () => false, endsAfter } = options
  return new Promise((resolve, reject) => {
    const host = '127.0.0.1'
    const socket: Socket =
      ca === undefined ? connectTcp(port, host) : connectTls({ port, host, ca, servername: 'localhost' })
    let text = ''
    async function write(parts: AsyncIterable<string>): Promise<void> {
      for await (const part of parts) socket.write(part, 'latin1')
    }
    const done = (isClosed: boolean): void => {
      resolve({ text, isClosed })
      socket.destroy()
    }
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      text += chunk
      if (until(text)) done(false)
    })
    socket.on('close', () => done(true))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A reset is a way of closing.
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') done(true)
      else reject(error)
    })
    socket.once(ca === undefined ? 'connect' : 'secureConnect', () => {
      if (typeof bytes !== 'string' && Symbol.asyncIterator in bytes) write(bytes).catch(reject)
      else for (const part of typeof bytes === 'string' ? [bytes] : bytes) socket.write(part, 'latin1')
      endsAfter?.().then(() => socket.end(), reject)
    })
  })
}

/** Satisfied by this many whole answers, by their length. */
export function answers(count: number): (text: string) => boolean {
  return (text) => wholeAnswers(text) >= count
}

/** How many have come to their end. @param isHead their lengths are those of bodies that do not come */
export function wholeAnswers(text: string, isHead = false): number {
  let count = 0
  for (let rest = text; ; count += 1) {
    const headEnd = rest.indexOf('\r\n\r\n')
    if (headEnd === -1) return count
    const head = rest.slice(0, headEnd)
    const body = rest.slice(headEnd + 4)
    let length = 0
    if (!isHead && /^transfer-encoding: chunked$/im.test(head)) {
      const lastChunk = /(?:^|\r\n)0\r\n\r\n/.exec(body)
      if (lastChunk === null) return count
      length = lastChunk.index + lastChunk[0].length
    } else if (!isHead) length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
    if (body.length < length) return count
    rest = body.slice(length)
  }
}
