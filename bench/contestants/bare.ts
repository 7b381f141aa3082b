/** Nothing but `node:http`, writing bytes of the size of a session: the ceiling for anything on Node. */

import { createServer } from 'node:http'

const body = Buffer.alloc(304, 0x78)
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
  response.end(body)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object') process.stdout.write(`${JSON.stringify({ port: address?.port })}\n`)
})
process.once('SIGTERM', () => process.exit(0))
