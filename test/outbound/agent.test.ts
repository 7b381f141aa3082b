import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request, type RequestOptions } from 'node:https'
import { createServer } from 'node:net'
import { after, test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { createAuthority } from '../../src/emulator/certificate.ts'
import { createOutbound, type Outbound } from '../../src/outbound/index.ts'
import { authority, type Counterpart, httpsServer, listening, ofKind, outbound } from './counterpart.ts'

after(() => outbound.close())

/** @returns the body */
async function get(
  { agent }: Outbound,
  { port }: Counterpart,
  options: RequestOptions = {},
): Promise<string> {
  const asking = request({ host: 'localhost', port, agent, ...options }).end()
  const [response] = await once(asking, 'response')
  let body = ''
  for await (const chunk of response) body += String(chunk)
  return body
}

const stranger = await (await createAuthority()).issue(['localhost'])

test('the agent keeps its connections and uses them again', async () => {
  await using server = await httpsServer((_request, response) => void response.end('ok'))
  for (let count = 0; count < 20; count += 1) assert.equal(await get(outbound, server), 'ok')
  assert.equal(server.connections, 1)
})

test('the agent trusts whom the way out trusts, and a request cannot loosen that', async () => {
  let requests = 0
  await using untrusted = await httpsServer(() => (requests += 1), stranger)
  const misnamed = await authority.issue(['elsewhere.example'])
  await using elsewhere = await httpsServer(() => (requests += 1), misnamed)
  for (const server of [untrusted, elsewhere]) {
    for (const loosened of [
      {},
      { rejectUnauthorized: false },
      { ca: stranger.certPem },
      { checkServerIdentity: () => undefined },
      { servername: 'elsewhere.example' },
      { headers: { host: 'elsewhere.example' } },
    ]) {
      await assert.rejects(get(outbound, server, loosened), ofKind('tls_certificate_error'))
    }
  }
  assert.equal(requests, 0)
})

test('a connection that cannot be made is an OutboundFailure which names the origin', async () => {
  const gone = await listening(createServer())
  await gone[Symbol.asyncDispose]()
  await assert.rejects(get(outbound, gone), {
    ...ofKind('connection_refused'),
    message: new RegExp(`^https://localhost:${gone.port}: connection refused: `),
  })
})

test('closing ends what the agent keeps, what it streams and what it only makes, and it makes nothing new', async () => {
  const way = createOutbound({ clock: systemClock, extraCa: authority.certPem })
  await using idle = await httpsServer((_request, response) => void response.end('ok'))
  await using streaming = await httpsServer((_request, response) => void response.write('{'))
  const silent = createServer(() => undefined)
  await using connecting = await listening(silent)

  await get(way, idle)
  const asking = request({ host: 'localhost', port: streaming.port, agent: way.agent }).end()
  const [response] = await once(asking, 'response')
  const cut = assert.rejects(once(response, 'end'), { code: 'ECONNRESET' })
  const refused = assert.rejects(get(way, connecting), { message: /the gateway is stopping/ })
  await once(silent, 'connection')
  await way.close()
  await Promise.all([cut, refused, idle.gone(), streaming.gone(), connecting.gone()])

  await assert.rejects(get(way, idle), { message: /the gateway is stopping/ })
  assert.deepEqual([idle.connections, streaming.connections, connecting.connections], [1, 1, 1])
})
