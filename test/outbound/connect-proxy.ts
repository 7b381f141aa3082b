/** A real CONNECT proxy on loopback, and proxies that fail in every way that there is. */

import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { connect, createServer as createNetServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Counterpart, listening, localhost } from './counterpart.ts'

export interface ConnectProxy extends Counterpart {
  /** As in `HTTPS_PROXY`, without credentials. */
  readonly url: string
  readonly scheme: 'http' | 'https'
  readonly host: string
  /** What it was asked for, in order: `graph.internal.example:443`. */
  readonly asked: readonly string[]
  /** Heads of those requests: the names in lower case, then the values. */
  readonly heads: readonly IncomingMessage['headers'][]
  /** Everything that its clients sent through it, as it came in: none of it may be readable. */
  readonly seen: Buffer
}

export interface ProxyOptions {
  /** Speaks TLS itself, as localhost. */
  readonly isSecure?: boolean
  /** `user:password`, without which nobody gets through. */
  readonly credentials?: string
  /** Whom it does not let through. */
  readonly forbids?: (authority: string) => boolean
  /** Whom it neither lets through nor refuses. */
  readonly hangsFor?: (authority: string) => boolean
}

/** Whatever the host's name, it is on this machine: the names need not exist anywhere. */
export async function connectProxy(options: ProxyOptions = {}): Promise<ConnectProxy> {
  const { isSecure = false, credentials, forbids = () => false, hangsFor = () => false } = options
  const asked: string[] = []
  const heads: IncomingMessage['headers'][] = []
  const seen: Buffer[] = []
  const server = isSecure
    ? createSecureServer({ cert: localhost.certPem, key: localhost.keyPem })
    : createServer()
  server.on('connect', (request: IncomingMessage, client: Duplex, head: Buffer) => {
    client.on('error', () => undefined)
    asked.push(request.url ?? '')
    heads.push(request.headers)
    const basic = `Basic ${Buffer.from(credentials ?? '').toString('base64')}`
    if (credentials !== undefined && request.headers['proxy-authorization'] !== basic) {
      client.end(
        'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="egress"\r\nContent-Length: 0\r\n\r\n',
      )
      return
    }
    if (forbids(request.url ?? '')) {
      client.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')
      return
    }
    if (hangsFor(request.url ?? '')) {
      client.resume()
      return
    }
    const port = Number(request.url?.split(':').at(-1))
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      upstream.write(head)
      client.on('data', (chunk: Buffer) => seen.push(chunk))
      client.pipe(upstream).pipe(client)
    })
    upstream.on('error', () => client.destroy())
    upstream.on('close', () => client.destroy())
    client.on('close', () => upstream.destroy())
  })
  const counterpart = await listening(server)
  const scheme = isSecure ? 'https' : 'http'
  return Object.defineProperties(counterpart, {
    url: { value: `${scheme}://localhost:${counterpart.port}` },
    scheme: { value: scheme },
    host: { value: 'localhost' },
    asked: { value: asked },
    heads: { value: heads },
    seen: { get: () => Buffer.concat(seen) },
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- just so
  }) as ConnectProxy
}

export interface FaultyProxy extends Counterpart {
  readonly scheme: 'http'
  readonly host: 'localhost'
  /** Everything that it was sent. */
  readonly received: string
  /** Resolves once it has been asked. */
  readonly wasAsked: Promise<void>
}

/** Answers a CONNECT as it likes. */
export async function faultyProxy(answer: (client: Socket) => void): Promise<FaultyProxy> {
  let received = ''
  const { promise: wasAsked, resolve } = Promise.withResolvers<void>()
  const counterpart = await listening(
    createNetServer((client) => {
      client.on('data', (chunk) => (received += chunk.toString('latin1')))
      client.once('data', () => {
        answer(client)
        resolve()
      })
    }),
  )
  return Object.defineProperties(counterpart, {
    scheme: { value: 'http' },
    host: { value: 'localhost' },
    received: { get: () => received },
    wasAsked: { value: wasAsked },
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- just so
  }) as FaultyProxy
}
