/**
 * Nothing but `node:http`, writing the bytes of a session as the gateway writes them: the ceiling for anything on Node.
 * Arguments: a port, the headers (names and values in turn) and the body, as JSON.
 */

import { createServer } from 'node:http'

const [port = '', answer = ''] = process.argv.slice(2)
const { headers, body } = JSON.parse(answer) as { headers: string[]; body: string }
const server = createServer((_request, response) => {
  response.writeHead(200, headers)
  // A string leaves together with the headers, and bytes in a piece of their own.
  response.end(body, 'latin1')
})
server.keepAliveTimeout = 75_000
server.listen(Number(port), '127.0.0.1')
process.once('SIGTERM', () => process.exit(0))
