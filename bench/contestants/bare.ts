/**
 * Nothing but `node:http` or `node:https`, writing the bytes of a session as the gateway writes them: the ceiling for anything
 * on Node. Arguments: a port, the answer as JSON.
 */

import { createServer, type RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'

export interface BareAnswer {
  /** Names and values in turn. */
  readonly headers: string[]
  readonly body: string
  /** PEM. */
  readonly tls?: { readonly cert: string; readonly key: string }
}

const [port = '', answer = ''] = process.argv.slice(2)
const { headers, body, tls } = JSON.parse(answer) as BareAnswer
const listener: RequestListener = (_request, response) => {
  response.writeHead(200, headers)
  // A string leaves together with the headers, and bytes in a piece of their own.
  response.end(body, 'latin1')
}
const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener)
server.keepAliveTimeout = 75_000
server.listen(Number(port), '127.0.0.1')
process.once('SIGTERM', () => process.exit(0))
