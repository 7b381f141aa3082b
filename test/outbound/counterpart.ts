/** Servers on loopback that answer as they please, and certificates of every kind. */

// @peculiar/x509 asks for it as it loads, so it comes first.
// oxlint-disable-next-line import/no-unassigned-import
import 'reflect-metadata'
import { KeyObject, webcrypto } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpsServer } from 'node:https'
import type { RequestListener } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509'
import { createAuthority } from '../../src/emulator/certificate.ts'
import { createOutbound, type OutboundFailure, type OutboundRequest } from '../../src/outbound/index.ts'
import { systemClock } from '../../src/clock.ts'

export const authority = await createAuthority()
export const localhost = await authority.issue(['localhost', '127.0.0.1'])

export interface Counterpart extends AsyncDisposable {
  readonly port: number
  readonly origin: string
  /** Connections so far. */
  readonly connections: number
  /** Connections that are open. */
  readonly open: number
  /** Resolves once no connection is open. */
  gone(): Promise<void>
}

export interface Keys {
  readonly certPem: string
  readonly keyPem: string
}

/** Speaks HTTP over TLS. */
export function httpsServer(answer: RequestListener, keys: Keys = localhost): Promise<Counterpart> {
  return listening(createHttpsServer({ cert: keys.certPem, key: keys.keyPem }, answer))
}

/** Writes whatever it likes once a request has begun to arrive. */
export function bytesServer(answer: (socket: TLSSocket) => void): Promise<Counterpart> {
  const server = createTlsServer({ cert: localhost.certPem, key: localhost.keyPem }, (socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => answer(socket))
  })
  return listening(server)
}

export async function listening(server: Server): Promise<Counterpart> {
  const sockets = new Set<Socket>()
  let connections = 0
  let tellGone = (): void => {}
  server.on('connection', (socket: Socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => {
      sockets.delete(socket)
      if (sockets.size === 0) tellGone()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { port } = server.address() as AddressInfo
  return {
    port,
    origin: `https://localhost:${port}`,
    get connections() {
      return connections
    },
    get open() {
      return sockets.size
    },
    gone: () =>
      sockets.size === 0
        ? Promise.resolve()
        : new Promise<void>((resolve) => {
            tellGone = resolve
          }),
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** A way out that trusts the test's authority besides the system's. */
export const outbound = createOutbound({ clock: systemClock, extraCa: authority.certPem })

export function asking(origin: string, changes: Partial<OutboundRequest> = {}): OutboundRequest {
  return {
    origin,
    target: '/',
    method: 'GET',
    headers: {},
    // Of the real clock, and never reached unless something hangs that should not.
    deadlineMs: 60_000,
    maxBodyBytes: 1024,
    ...changes,
  }
}

/** The kind of an OutboundFailure, for `assert.rejects`. */
export function ofKind(kind: OutboundFailure['kind']): { name: string; kind: string } {
  return { name: 'OutboundFailure', kind }
}

/** A certificate for localhost that nobody vouches for, valid for these days from now. */
export async function selfSigned(fromDays: number, toDays: number): Promise<Keys> {
  const dayMs = 24 * 60 * 60 * 1000
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() + fromDays * dayMs),
    notAfter: new Date(Date.now() + toDays * dayMs),
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
  })
  return {
    certPem: `${certificate.toString('pem')}\n`,
    keyPem: KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }),
  }
}
