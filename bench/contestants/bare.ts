/**
 * Nothing but `node:http` or `node:https`, writing the bytes of a session as the gateway writes them: the ceiling for anything
 * on Node. Arguments: a port, the answer as JSON.
 */

import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { keepTicksQuick } from '../../src/ticks.ts'

export interface BareAnswer {
  /** Names and values in turn. */
  readonly headers: string[]
  readonly body: string
  /** PEM. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Written to stdout before the answer leaves, with those of the same turn of the event loop. */
  readonly record?: string
}

keepTicksQuick()
const [port = '', answer = ''] = process.argv.slice(2)
const { headers, body, tls, record } = JSON.parse(answer) as BareAnswer
let waiting: ServerResponse[] = []
let isWriting = false

function leave(response: ServerResponse): void {
  response.writeHead(200, headers)
  // A string leaves together with the headers, and bytes in a piece of their own.
  response.end(body, 'latin1')
}

function write(line: string): void {
  const batch = waiting
  waiting = []
  process.stdout.write(line.repeat(batch.length), 'latin1', () => {
    for (const response of batch) leave(response)
    isWriting = waiting.length > 0
    if (isWriting) write(line)
  })
}

const listener: RequestListener = (_request, response) => {
  if (record === undefined) return leave(response)
  waiting.push(response)
  if (isWriting) return
  isWriting = true
  setImmediate(() => write(record))
}
const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener)
server.keepAliveTimeout = 75_000
server.listen(Number(port), '127.0.0.1')
process.once('SIGTERM', () => process.exit(0))
