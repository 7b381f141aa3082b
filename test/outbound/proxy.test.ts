import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as nodeRequest } from 'node:https'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { createAuthority } from '../../src/emulator/certificate.ts'
import { createOutbound, type Outbound, type OutboundOptions } from '../../src/outbound/index.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { type ConnectProxy, connectProxy, faultyProxy } from './connect-proxy.ts'
import { asking, authority, httpsServer, listening, ofKind } from './counterpart.ts'

/** A name that exists nowhere: only a proxy could know what it stands for. */
const name = 'graph.internal.example'
const certificate = await authority.issue([name, 'localhost'])
const secret = 'the-password-of-the-proxy'
const user = `gateway:${secret}`

function wayOut(
  proxy: Pick<ConnectProxy, 'scheme' | 'host' | 'port'>,
  options: Partial<OutboundOptions> & { credentials?: string } = {},
): AsyncDisposable & Outbound {
  const { credentials, ...others } = options
  const { scheme, host, port } = proxy
  const made = createOutbound({
    clock: systemClock,
    extraCa: authority.certPem,
    proxy: {
      scheme,
      host,
      port,
      ...(credentials === undefined ? {} : { credentials: () => Promise.resolve(credentials) }),
    },
    ...others,
  })
  return { ...made, [Symbol.asyncDispose]: () => made.close() }
}

for (const isSecure of [false, true]) {
  const what = isSecure ? 'a proxy that speaks TLS' : 'a plain proxy'
  test(`through ${what} both lanes reach a name that does not exist here, and it reads nothing of what they say`, async () => {
    await using server = await httpsServer((request, response) => {
      response.end(`${request.headers.host} ${request.headers.authorization}`)
    }, certificate)
    await using proxy = await connectProxy({ isSecure })
    await using way = wayOut(proxy)
    const origin = `https://${name}:${server.port}`
    const headers = { authorization: 'Bearer the-token' }
    const said = `${name}:${server.port} Bearer the-token`
    for (let count = 0; count < 10; count += 1) {
      const { body } = await way.send(asking(origin, { headers }))
      assert.equal(body.toString(), said)
    }
    const options = { host: name, port: server.port, headers, agent: way.agent }
    for (let count = 0; count < 3; count += 1) {
      const [response] = await once(nodeRequest(options).end(), 'response')
      for await (const chunk of response) assert.equal(String(chunk), said)
    }
    // Kept and used again, as direct ones are: one a lane, and a second where the first was not yet put back.
    assert.ok(proxy.asked.length <= 3, String(proxy.asked.length))
    assert.deepEqual([...new Set(proxy.asked)], [`${name}:${server.port}`])
    assert.deepEqual(proxy.heads[0], { host: `${name}:${server.port}`, 'user-agent': 'session-gateway' })
    assert.ok(proxy.seen.length > 0)
    assert.ok(!proxy.seen.includes('the-token'))
    await way.close()
    await Promise.all([proxy.gone(), server.gone()])
  })

  test(`${what} is shown the credentials, and whom is asked never sees them`, async () => {
    let headers: object = {}
    await using server = await httpsServer((request, response) => {
      ;({ headers } = request)
      response.end('ok')
    }, certificate)
    await using proxy = await connectProxy({ isSecure, credentials: user })
    await using way = wayOut(proxy, { credentials: user })
    const { status } = await way.send(asking(`https://${name}:${server.port}`))
    assert.equal(status, 200)
    assert.deepEqual(Object.keys(headers), ['host', 'connection'])
  })
}

test('one that wants a new connection has a tunnel of its own, which ends with it', async () => {
  await using server = await httpsServer((_request, response) => void response.end('ok'), certificate)
  await using proxy = await connectProxy()
  await using way = wayOut(proxy)
  const origin = `https://${name}:${server.port}`
  await way.send(asking(origin, { onNewConnection: true }))
  await way.send(asking(origin, { onNewConnection: true }))
  assert.equal(proxy.asked.length, 2)
  await Promise.all([proxy.gone(), server.gone()])
})

test('whom noProxy names, and this machine itself, are reached directly', async () => {
  await using server = await httpsServer((_request, response) => void response.end('ok'), certificate)
  await using proxy = await connectProxy()
  await using way = wayOut(proxy, { noProxy: [{ hosts: { domain: 'internal.example', hasItself: true } }] })
  assert.equal((await way.send(asking(server.origin))).status, 200)
  await assert.rejects(way.send(asking(`https://${name}:${server.port}`)), {
    ...ofKind('dns_error'),
    message: /^https:\/\/graph\.internal\.example:\d+: dns error/,
  })
  assert.deepEqual(proxy.asked, [])
})

test('TLS is with whom is asked: their certificate is looked at for their name, whatever the proxy says', async () => {
  let requests = 0
  await using misnamed = await httpsServer(
    () => (requests += 1),
    await authority.issue(['elsewhere.example']),
  )
  await using proxy = await connectProxy()
  await using way = wayOut(proxy)
  await assert.rejects(way.send(asking(`https://${name}:${misnamed.port}`)), {
    ...ofKind('tls_certificate_error'),
    message: new RegExp(`^https://${name}:\\d+, through the proxy ${proxy.url}: tls certificate error: `),
  })
  await proxy.gone()
  assert.equal(requests, 0)
})

test('a proxy whose own certificate is not trusted is told nothing, credentials least of all', async () => {
  await using proxy = await connectProxy({ isSecure: true, credentials: user })
  await using way = wayOut({ ...proxy, scheme: proxy.scheme, host: '127.0.0.1' }, { credentials: user })
  const elsewhere = createOutbound({
    clock: systemClock,
    proxy: { scheme: 'https', host: 'localhost', port: proxy.port, credentials: async () => user },
  })
  await assert.rejects(elsewhere.send(asking(`https://${name}`)), {
    ...ofKind('tls_certificate_error'),
    message: new RegExp(`^the proxy ${proxy.url}, asked for ${name}:443: .*outbound\\.caFile, `),
  })
  assert.deepEqual(proxy.asked, [])
  // By its address, which the certificate names as well, it would be trusted.
  await assert.rejects(way.send(asking('https://localhost.example:1')), { name: 'OutboundFailure' })
  assert.deepEqual(proxy.asked, ['localhost.example:1'])
  await elsewhere.close()
})

test('the credentials are asked for at every connection, and what is wrong with them is said', async () => {
  await using server = await httpsServer((_request, response) => void response.end('ok'), certificate)
  await using proxy = await connectProxy({ credentials: user })
  let isThere = false
  const credentials = (): Promise<string> =>
    isThere ? Promise.resolve(user) : Promise.reject(new Error('the file is gone'))
  await using way = wayOut(proxy, {
    proxy: { scheme: 'http', host: 'localhost', port: proxy.port, credentials },
  })
  const origin = `https://${name}:${server.port}`
  await assert.rejects(way.send(asking(origin)), {
    ...ofKind('proxy_configuration_error'),
    message: /: the file is gone$/,
  })
  isThere = true
  assert.equal((await way.send(asking(origin))).status, 200)
})

for (const [when, isAsked] of [
  ['connects', false],
  ['waits for the proxy', true],
] as const) {
  test(`closing ends a tunnel that only ${when}, in both lanes`, async () => {
    await using proxy = await faultyProxy(() => undefined)
    await using silent = await listening(createServer((socket) => void socket.resume()))
    const { port } = isAsked ? proxy : silent
    await using way = wayOut({ scheme: isAsked ? 'http' : 'https', host: 'localhost', port })
    const sending = assert.rejects(way.send(asking(`https://${name}`)), ofKind('connection_terminated'))
    const asked = nodeRequest({ host: name, agent: way.agent }).end()
    const streaming = assert.rejects(once(asked, 'response'), {
      name: 'OutboundFailure',
      message: /the gateway is stopping/,
    })
    while ((isAsked ? proxy : silent).connections < 2) await new Promise(setImmediate)
    if (isAsked) await proxy.wasAsked
    await way.close()
    await Promise.all([sending, streaming, proxy.gone(), silent.gone()])
  })
}

test('the time to connect holds for the tunnel and for TLS through it, both together', async () => {
  const clock = createFakeClock()
  await using hanging = await faultyProxy(() => undefined)
  await using mute = await faultyProxy((client) => client.write('HTTP/1.1 200 OK\r\n\r\n'))
  for (const proxy of [hanging, mute]) {
    await using way = wayOut(proxy, { clock })
    const sending = way.send(asking(`https://${name}`))
    await proxy.wasAsked
    while (proxy === mute && !proxy.received.includes('\u0016\u0003')) await new Promise(setImmediate)
    clock.advance(10_000)
    await assert.rejects(sending, {
      ...ofKind('connection_timeout'),
      message: new RegExp(`^https://${name}:443, through the proxy http://localhost:${proxy.port}: `),
    })
    await proxy.gone()
    assert.equal(clock.pending, 0)
  }
})

test('a tunnel that is made leaves no deadline behind, nor does one that is refused', async () => {
  const clock = createFakeClock()
  await using server = await httpsServer((_request, response) => void response.end('ok'), certificate)
  await using proxy = await connectProxy({ forbids: (asked) => asked.startsWith('forbidden.') })
  await using way = wayOut(proxy, { clock })
  await way.send(asking(`https://${name}:${server.port}`))
  assert.equal(clock.pending, 0)
  await assert.rejects(way.send(asking('https://forbidden.example')), ofKind('proxy_configuration_error'))
  assert.equal(clock.pending, 0)
})

test('no environment makes it believe a certificate that it would not', async () => {
  const { NODE_TLS_REJECT_UNAUTHORIZED: before } = process.env
  const stranger = await (await createAuthority()).issue([name, 'localhost'])
  let requests = 0
  await using server = await httpsServer(() => (requests += 1), stranger)
  await using proxy = await connectProxy()
  await using secureProxy = await connectProxy({ isSecure: true })
  // It trusts the proxy's authority, and not that of whom it asks; then the other way round.
  await using through = wayOut(proxy)
  await using strangers = wayOut(secureProxy, { onlyCa: stranger.certPem, credentials: user })
  await using direct = createDirect()
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  try {
    for (const [way, host] of [
      [through, name],
      [strangers, name],
      [direct, 'localhost'],
    ] as const) {
      const headers = { authorization: 'Bearer the-token' }
      const request = asking(`https://${host}:${server.port}`, { headers })
      await assert.rejects(way.send(request), ofKind('tls_certificate_error'))
      const inNode = nodeRequest({ host, port: server.port, headers, agent: way.agent }).end()
      await assert.rejects(once(inNode, 'response'), ofKind('tls_certificate_error'))
    }
  } finally {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
  }
  assert.equal(requests, 0)
  assert.deepEqual([secureProxy.asked, secureProxy.heads], [[], []], 'the credentials went to a stranger')
})

function createDirect(): AsyncDisposable & Outbound {
  const made = createOutbound({ clock: systemClock, extraCa: authority.certPem })
  return { ...made, [Symbol.asyncDispose]: () => made.close() }
}

test('credentials that never come end with the time to connect, and with the way out', async () => {
  const clock = createFakeClock()
  await using proxy = await connectProxy()
  const never = {
    scheme: proxy.scheme,
    host: proxy.host,
    port: proxy.port,
    credentials: () => new Promise<string>(() => {}),
  }
  const way = createOutbound({ clock, extraCa: authority.certPem, proxy: never })
  const first = assert.rejects(
    way.send(asking(`https://${name}`, { deadlineMs: 60_000 })),
    ofKind('connection_timeout'),
  )
  clock.advance(10_000)
  await first
  const second = assert.rejects(
    way.send(asking(`https://${name}`, { deadlineMs: 60_000 })),
    ofKind('connection_terminated'),
  )
  await way.close()
  await second
})
