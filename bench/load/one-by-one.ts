/**
 * One request after another on one connection: what each takes by itself, in microseconds.
 *
 * @module
 */

import { once } from 'node:events'
import { connect } from 'node:net'

/** @throws {Error} an answer that is not 200, or says of itself something else than `expected` */
export async function oneByOne(
  url: string,
  paths: readonly string[],
  headers: Readonly<Record<string, string>>,
  expected: RegExp,
): Promise<number[]> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true }).setEncoding('latin1')
  await once(socket, 'connect')
  const rest = Object.entries({ host: 'localhost', ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
  const took: number[] = []
  for (const path of paths) {
    const begunAt = performance.now()
    socket.write(`GET ${path} HTTP/1.1\r\n${rest}\r\n`, 'latin1')
    let answer = ''
    while (!isWhole(answer)) {
      const [chunk] = (await once(socket, 'data')) as [string]
      answer += chunk
    }
    took.push((performance.now() - begunAt) * 1000)
    const said = /^cache-status: (.*)$/im.exec(answer)?.[1] ?? ''
    if (!answer.startsWith('HTTP/1.1 200') || !expected.test(said))
      throw new Error(`not as expected: ${answer}`)
  }
  socket.destroy()
  return took
}

function isWhole(answer: string): boolean {
  const headEnds = answer.indexOf('\r\n\r\n')
  const length = /^content-length: (\d+)\r$/im.exec(answer)?.[1]
  return headEnds !== -1 && answer.length >= headEnds + 4 + Number(length)
}

export function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN
}
