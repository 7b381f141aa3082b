import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as nodeRequest } from 'node:https'
import { createServer, type Socket } from 'node:net'
import { inspect } from 'node:util'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { createOutbound, type FailureKind, type Outbound } from '../../src/outbound/index.ts'
import { connectProxy, faultyProxy } from './connect-proxy.ts'
import { asking, authority, listening, ofKind } from './counterpart.ts'

const name = 'graph.internal.example'
const user = 'gateway:the-password-of-the-proxy'
const basic = Buffer.from(user).toString('base64')
const token = 'the-token-for-graph'

function wayOut(
  port: number,
  { credentials = user, scheme = 'http' }: { credentials?: string; scheme?: 'http' | 'https' } = {},
): Outbound {
  const proxy = {
    scheme,
    host: 'localhost',
    port,
    ...(credentials === '' ? {} : { credentials: () => Promise.resolve(credentials) }),
  }
  return createOutbound({ clock: systemClock, extraCa: authority.certPem, proxy })
}

const ends =
  (bytes: string) =>
  (client: Socket): void =>
    void client.end(bytes)

const says =
  (bytes: string) =>
  (client: Socket): void =>
    void client.write(bytes)

/** What the proxy does once it is asked, what that is called, and what the operator is told. */
const faults: readonly (readonly [string, (client: Socket) => void, FailureKind, RegExp])[] = [
  [
    'wants other credentials',
    ends('HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'),
    'proxy_configuration_error',
    /it answered 407: it does not take the credentials that it was given$/,
  ],
  [
    'wants Kerberos',
    says('HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n'),
    'proxy_configuration_error',
    /it answered 407: it does not offer Basic authentication, the only one there is here$/,
  ],
  [
    'forbids it',
    ends('HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<html>'),
    'proxy_configuration_error',
    /it answered 403: have graph\.internal\.example:443 allowed there, or name it in outbound\.noProxy$/,
  ],
  [
    'answers with a redirect',
    ends('HTTP/1.1 302 Found\r\nLocation: https://login.example\r\n\r\n'),
    'proxy_configuration_error',
    /it answered 302: have /,
  ],
  [
    'gets nowhere itself',
    ends('HTTP/1.1 502 Bad Gateway\r\n\r\n'),
    'destination_unavailable',
    /it answered 502: it does not get there either$/,
  ],
  ['is too busy', ends('HTTP/1.1 429 Slow\r\n\r\n'), 'destination_unavailable', /it answered 429/],
  ['closes', ends(''), 'connection_terminated', /socket hang up$/],
  ['closes in the middle of its head', ends('HTTP/1.1 200 OK\r\nVia'), 'connection_terminated', /./],
  ['resets', (client) => void client.resetAndDestroy(), 'connection_terminated', /ECONNRESET$/],
  [
    'speaks something else',
    ends('220 mail.example ESMTP\r\n'),
    'proxy_configuration_error',
    /what answers there is no HTTP proxy$/,
  ],
  [
    'sends a head without end',
    (client) => {
      const more = (): void => {
        while (client.writable && client.write(`X-Pad: ${'x'.repeat(1_000)}\r\n`));
      }
      client.write('HTTP/1.1 200 OK\r\n')
      client.on('drain', more)
      more()
    },
    'proxy_configuration_error',
    /what answers there is no HTTP proxy$/,
  ],
  [
    'lets through, and speaks before it was spoken to',
    says('HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}'),
    'proxy_configuration_error',
    /what answers there is no HTTP proxy$/,
  ],
  [
    'says to go on, and never lets through',
    says('HTTP/1.1 100 Continue\r\n\r\n'),
    'proxy_configuration_error',
    /it answered 100/,
  ],
  [
    'lets through, and closes',
    ends('HTTP/1.1 200 OK\r\n\r\n'),
    'connection_terminated',
    /^https:\/\/graph\.internal\.example(:443)?, through the proxy http:\/\/localhost:\d+: /,
  ],
  [
    'lets through, and speaks no TLS',
    (client) => {
      client.write('HTTP/1.1 200 OK\r\n\r\n')
      client.once('data', () => client.end('HTTP/1.1 200 OK\r\n\r\n{}'))
    },
    'tls_protocol_error',
    /^https:\/\/graph\.internal\.example(:443)?, through the proxy http:\/\/localhost:\d+: /,
  ],
]

for (const [what, answer, kind, message] of faults) {
  test(`a proxy that ${what} is a ${kind}, in both lanes, and no token has left`, async () => {
    await using proxy = await faultyProxy(answer)
    const way = wayOut(proxy.port)
    const headers = { authorization: `Bearer ${token}` }
    const failures: unknown[] = []
    await way.send(asking(`https://${name}`, { headers })).catch((error: unknown) => failures.push(error))
    await once(nodeRequest({ host: name, headers, agent: way.agent }).end(), 'response').catch(
      (error: unknown) => failures.push(error),
    )
    assert.equal(failures.length, 2)
    for (const failure of failures) {
      assert.ok(failure instanceof Error)
      assert.ok('kind' in failure && failure.kind === kind, inspect(failure))
      assert.match(failure.message, message)
      assert.match(failure.message, new RegExp(`the proxy http://localhost:${proxy.port}\\b`))
      const shown = inspect(failure, { depth: null, showHidden: true })
      for (const secret of ['the-password-of-the-proxy', basic, token])
        assert.ok(!shown.includes(secret), shown)
    }
    await proxy.gone()
    assert.ok(proxy.received.includes(`proxy-authorization: Basic ${basic}\r\n`))
    assert.ok(!proxy.received.includes(token))
    await way.close()
  })
}

test('a proxy that wants credentials where there are none says where to give them', async () => {
  await using proxy = await connectProxy({ credentials: user })
  const way = wayOut(proxy.port, { credentials: '' })
  await assert.rejects(way.send(asking(`https://${name}`)), {
    ...ofKind('proxy_configuration_error'),
    message:
      `the proxy http://localhost:${proxy.port}, asked for ${name}:443: proxy configuration error: ` +
      'it answered 407: give it credentials in outbound.proxyAuth, or in HTTPS_PROXY',
  })
  await proxy.gone()
  await way.close()
})

test('a proxy that is not there, or has no such name, fails as itself', async () => {
  const gone = await listening(createServer())
  await gone[Symbol.asyncDispose]()
  const way = wayOut(gone.port)
  await assert.rejects(way.send(asking(`https://${name}`)), {
    ...ofKind('connection_refused'),
    message: new RegExp(`^the proxy http://localhost:${gone.port}, asked for ${name}:443: `),
  })
  const proxy = { scheme: 'http', host: 'proxy.invalid', port: 3128 } as const
  const nowhere = createOutbound({ clock: systemClock, proxy })
  await assert.rejects(nowhere.send(asking(`https://${name}`)), {
    ...ofKind('dns_error'),
    message: /^the proxy http:\/\/proxy\.invalid:3128, asked for .*: .*proxy\.invalid/,
  })
  await Promise.all([way.close(), nowhere.close()])
})

test('a plain proxy that is called one with TLS is a tls_protocol_error of the proxy', async () => {
  await using proxy = await connectProxy()
  const way = wayOut(proxy.port, { scheme: 'https' })
  await assert.rejects(way.send(asking(`https://${name}`)), {
    ...ofKind('tls_protocol_error'),
    message: /^the proxy https:\/\/localhost:\d+, asked for /,
  })
  assert.deepEqual(proxy.asked, [])
  await way.close()
})
