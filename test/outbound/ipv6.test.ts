import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as nodeRequest } from 'node:https'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import { createOutbound } from '../../src/outbound/index.ts'
import { audience, sessionPath, startWorld, workspacePath } from '../world/world.ts'
import { connectProxy } from './connect-proxy.ts'
import { asking, authority, httpsServer, ofKind } from './counterpart.ts'

test('where there is IPv6 alone, Entra, Graph in both lanes, the API server and an issuer are reached by literal addresses', async () => {
  await using emulator = await startEmulator({ host: '::1' })
  const literal = (url: string): string => url.replace('localhost', '[::1]')
  const at = literal(emulator.url)
  await using world = await startWorld({
    emulator,
    config: {
      graph: { endpoint: at },
      identity: { authorityHost: at },
      issuers: {
        cluster: { apiServer: literal(emulator.cluster.url) },
        oidc: { jwksUri: literal(`${emulator.issuer.url}/jwks`) },
      },
      access: { triage: { reads: ['session', 'sessions'] } },
    },
  })
  const reader = await emulator.issuer.token({ sub: 'reader', aud: audience })
  const ofTheCluster = await world.ask()
  const ofTheIssuer = await world.ask(`${sessionPath}?$select=id`, { token: reader })
  const list = await world.ask(`${workspacePath}/sessions`)
  assert.deepEqual([ofTheCluster.status, ofTheIssuer.status, list.status], [200, 200, 200])
  assert.deepEqual((await world.manage('/readyz')).json, { status: 'ready', degraded: [] })
})

const address = '2001:db8::1'
const mine = await authority.issue([address])
const another = await authority.issue(['2001:db8::2'])

test('through a proxy an IPv6 address stands in brackets, and is what the certificate must have', async () => {
  await using server = await httpsServer(({ headers }, response) => {
    response.end(headers.host)
  }, mine)
  await using impostor = await httpsServer((_request, response) => response.end('mine'), another)
  await using proxy = await connectProxy()
  const { scheme, host, port } = proxy
  const way = createOutbound({
    clock: systemClock,
    extraCa: authority.certPem,
    proxy: { scheme, host, port },
  })
  const authorityOf = `[${address}]:${server.port}`
  const { body } = await way.send(asking(`https://${authorityOf}`))
  assert.equal(body.toString(), authorityOf)
  const asked = nodeRequest({ host: address, port: server.port, agent: way.agent }).end()
  const [response] = await once(asked, 'response')
  for await (const chunk of response) assert.equal(String(chunk), authorityOf)
  assert.deepEqual([...new Set(proxy.asked)], [authorityOf])
  await assert.rejects(
    way.send(asking(`https://[${address}]:${impostor.port}`)),
    ofKind('tls_certificate_error'),
  )
  await way.close()
})
