/** Redis' protocol (RESP 2), as far as asking one thing needs it: tests ask past the client that they test. */

import { once } from 'node:events'
import type { Socket } from 'node:net'

export type RedisReply = string | number | null | RedisReply[] | Error

/** One command, one answer (RESP 2). */
export async function ask(socket: Socket, words: readonly (string | Buffer)[]): Promise<RedisReply> {
  socket.write(`*${words.length}\r\n`)
  for (const word of words) {
    socket.write(`$${Buffer.byteLength(word)}\r\n`)
    socket.write(word)
    socket.write('\r\n')
  }
  let received = Buffer.alloc(0)
  for (;;) {
    const answer = readAnswer(received, 0)
    if (answer !== undefined) {
      if (answer.value instanceof Error) throw answer.value
      return answer.value
    }
    const [chunk] = (await Promise.race([
      once(socket, 'data'),
      once(socket, 'close').then(() => [undefined]),
    ])) as [Buffer | undefined]
    if (chunk === undefined) throw new Error('Redis hung up')
    received = Buffer.concat([received, chunk])
  }
}

/** @returns undefined when it is not whole yet */
function readAnswer(bytes: Buffer, from: number): { value: RedisReply; end: number } | undefined {
  const eol = bytes.indexOf('\r\n', from)
  if (eol === -1) return undefined
  const [type, text] = [String.fromCharCode(bytes[from] ?? 0), bytes.toString('latin1', from + 1, eol)]
  let end = eol + 2
  if (type === '+') return { value: text, end }
  if (type === '-') return { value: new Error(text), end }
  if (type === ':') return { value: Number(text), end }
  if (Number(text) === -1) return { value: null, end }
  if (type === '$') {
    const value = bytes.toString('latin1', end, end + Number(text))
    end += Number(text) + 2
    return end > bytes.length ? undefined : { value, end }
  }
  const list: RedisReply[] = []
  while (list.length < Number(text)) {
    const item = readAnswer(bytes, end)
    if (item === undefined) return undefined
    list.push(item.value)
    end = item.end
  }
  return { value: list, end }
}
