/** What Node can do at most: `https` piped into `http`, with no work. Arguments: the origin to ask, the authority to trust. */

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { Agent, request } from 'node:https'

const [origin = '', caFile = ''] = process.argv.slice(2)
const agent = new Agent({ keepAlive: true, maxFreeSockets: 64, ca: readFileSync(caFile) })
const server = createServer((asked, answer) => {
  request(new URL(asked.url ?? '', origin), { agent }, (response) => {
    answer.writeHead(200, { 'content-type': 'application/json' })
    response.pipe(answer)
  }).end()
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify(server.address())}\n`)
})
