/**
 * Each token of a file once, as fast as they are answered. Argument: what to do, as JSON. Prints the seconds that it took.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { openLines, requestFor } from './lines.ts'

export interface EachOnce {
  readonly port: number
  readonly connections: number
  readonly path: string
  /** One token a line. */
  readonly tokensFile: string
  /** Of a token that has been used, asked with until this program is compiled: it should not be what takes time. */
  readonly known: Readonly<Record<string, string>>
}

const warmUps = 5_000

const { port, connections, path, tokensFile, known } = JSON.parse(process.argv[2] ?? '') as EachOnce
const requests = readFileSync(tokensFile, 'latin1')
  .trimEnd()
  .split('\n')
  .map((token) => requestFor(path, { authorization: `Bearer ${token}` }))

let next = (): void => undefined
const idle = await openLines(port, connections, (line) => {
  idle.push(line)
  next()
})

/** @returns seconds */
async function askAll(all: readonly Uint8Array[]): Promise<number> {
  const begunAt = performance.now()
  let asked = 0
  await new Promise<void>((resolve) => {
    next = () => {
      for (let request = all[asked]; request !== undefined; request = all[asked]) {
        const line = idle.pop()
        if (line === undefined) return
        line.ask(request)
        asked += 1
      }
      if (idle.length === connections) resolve()
    }
    next()
  })
  return (performance.now() - begunAt) / 1_000
}

await askAll(Array<Uint8Array>(warmUps).fill(requestFor(path, known)))
const seconds = await askAll(requests)
process.stdout.write(String(seconds), () => process.exit(0))
