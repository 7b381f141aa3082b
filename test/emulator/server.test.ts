import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent as KeepAlive, createServer, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:tls'
import { test } from 'node:test'
import { X509Certificate } from 'node:crypto'
import { Agent, request } from 'undici'
import { startEmulator } from '../../src/emulator/index.ts'
import { emulatorAndClient } from './client.ts'

test('the certificate holds for every name of this machine, and for no other', async () => {
  await using client = await emulatorAndClient()
  const { url, caPem } = client.emulator
  const socket = connect({
    host: '127.0.0.1',
    port: Number(new URL(url).port),
    servername: 'localhost',
    ca: caPem,
  })
  await once(socket, 'secureConnect')
  const certificate = socket.getPeerX509Certificate()
  socket.destroy()
  assert.ok(certificate)
  assert.ok(certificate.checkHost('localhost'))
  assert.ok(certificate.checkIP('127.0.0.1'))
  assert.ok(certificate.checkIP('::1'))
  assert.equal(certificate.checkHost('example.com'), undefined)
})

test('who does not know the authority does not trust the emulator', async () => {
  await using emulator = await startEmulator()
  const agent = new Agent()
  await assert.rejects(request(emulator.url, { dispatcher: agent }), /certificate/)
  await agent.destroy()
})

test('the authority is one, and makes certificates for other servers', async () => {
  await using client = await emulatorAndClient()
  const { certPem, keyPem } = await client.emulator.certificateFor([
    'localhost',
    'gateway.soc.svc',
    '2001:db8::7',
  ])
  const authority = new X509Certificate(client.emulator.caPem)
  const certificate = new X509Certificate(certPem)
  assert.equal(authority.ca, true)
  assert.equal(certificate.ca, false)
  assert.ok(certificate.verify(authority.publicKey))
  assert.ok(certificate.checkIssued(authority))
  assert.ok(certificate.checkHost('gateway.soc.svc'))
  assert.ok(certificate.checkIP('2001:db8::7'))
  const server = createServer({ cert: certPem, key: keyPem }, (_, response) => response.end('hello'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { port } = server.address() as AddressInfo
  const { body } = await request(`https://localhost:${port}`, { dispatcher: client.agent })
  assert.equal(await body.text(), 'hello')
  server.closeAllConnections()
  server.close()
})

test('one connection serves many requests', async () => {
  await using emulator = await startEmulator()
  const agent = new KeepAlive({ keepAlive: true, ca: emulator.caPem })
  const ports = new Set<number | undefined>()
  for (let count = 0; count < 3; count++) {
    const asked = get(`${emulator.url}/issuer/jwks`, { agent })
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the event says so
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    ports.add(answer.socket.localPort)
    await once(answer.resume(), 'end')
  }
  agent.destroy()
  assert.equal(ports.size, 1)
})

test('two emulators on one port: the second is refused', async () => {
  await using emulator = await startEmulator()
  const port = Number(new URL(emulator.url).port)
  await assert.rejects(startEmulator({ port }), { code: 'EADDRINUSE' })
})

test('identifiers, secret and clock are the ones given', async () => {
  const given = { tenantId: 'tenant', clientId: 'client', clientSecret: 'secret', now: () => 86_400_000 }
  await using client = await emulatorAndClient(given)
  const { entra } = client.emulator
  assert.deepEqual([entra.tenantId, entra.clientId, entra.clientSecret], ['tenant', 'client', 'secret'])
  const { headers, status } = await client.exchange()
  assert.equal(status, 200)
  assert.equal(headers['date'], 'Fri, 02 Jan 1970 00:00:00 GMT')
})

test('a path that nothing stands for is not found', async () => {
  await using client = await emulatorAndClient()
  for (const path of ['/', '/v1.0/me', '/issuer/nothing', '/issuerless']) {
    assert.equal((await client.ask(path)).status, 404)
  }
})

test('closing twice is closing', async () => {
  const emulator = await startEmulator()
  await emulator.close()
  await emulator.close()
})
