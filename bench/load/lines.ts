/**
 * Connections of a pooled client: one request at a time on each. They leave little for the garbage collector, whose pauses
 * would be taken for those of the server.
 *
 * @module
 */

import { once } from 'node:events'
import { connect } from 'node:net'

export interface Line {
  ask(request: Uint8Array): void
}

/**
 * @param answered an answer is here, whole
 * @throws {Error} later, and for nobody to catch: a line broke, or an answer was not 200
 */
export async function openLines(
  port: number,
  count: number,
  answered: (line: Line) => void,
): Promise<Line[]> {
  // All of them read into it: what is not a whole answer is kept apart.
  const buffer = Buffer.allocUnsafeSlow(65_536)

  async function open(): Promise<Line> {
    let begun = ''
    function read(bytes: number): boolean {
      const text = begun + buffer.toString('latin1', 0, bytes)
      begun = isWhole(text) ? '' : text
      if (begun === '') answered(line)
      return true
    }
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback: read } })
    const line: Line = { ask: (request) => void socket.write(request) }
    await once(socket, 'connect')
    socket.once('close', () => {
      throw new Error('a connection has ended')
    })
    return line
  }

  return Promise.all(Array.from({ length: count }, open))
}

function isWhole(text: string): boolean {
  const headEnds = text.indexOf('\r\n\r\n')
  if (headEnds === -1) return false
  const length = headEnds + 4 + Number(/\r\ncontent-length: (\d+)\r\n/i.exec(text)?.[1])
  if (!text.startsWith('HTTP/1.1 200 ') || Number.isNaN(length) || text.length > length)
    throw new Error(`not as expected: ${text}`)
  return text.length === length
}

export function requestFor(path: string, headers: Readonly<Record<string, string>>): Uint8Array {
  const head = Object.entries({ host: 'localhost', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${head.join('')}\r\n`, 'latin1')
}
