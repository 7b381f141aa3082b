/** An Entra that can be everything but well, on an address of its own: Graph and the issuers do not ail with it. */

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Emulator, Fault } from '../../src/emulator/index.ts'

export interface FaultyEntra extends AsyncDisposable {
  readonly origin: string
  /** Connections are refused. */
  stop(): Promise<void>
  start(): Promise<void>
}

/** Passes bytes on to the emulator, while it is not stopped. */
export async function entraInFrontOf({ url }: Emulator): Promise<FaultyEntra> {
  const sockets = new Set<Socket>()
  let server: Server | undefined
  let port = 0

  async function start(): Promise<void> {
    server = createServer((socket) => {
      const onwards = connect(Number(new URL(url).port), '127.0.0.1')
      for (const [end, other] of [
        [socket, onwards],
        [onwards, socket],
      ] as const) {
        sockets.add(end)
        end.on('error', () => undefined)
        end.once('close', () => {
          sockets.delete(end)
          other.destroy()
        })
        end.pipe(other)
      }
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address !== null && typeof address === 'object') port = address.port
  }

  async function stop(): Promise<void> {
    if (server?.listening !== true) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }

  await start()
  return {
    get origin() {
      return `https://localhost:${port}`
    },
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

const accessToken = 'canary.access.token'

export interface EntraFault {
  readonly what: string
  /** `down`: nothing answers at its address. */
  readonly fault: Fault | 'down'
  /** What the operator reads of it. */
  readonly says: RegExp
  /** How long Entra asks us to wait, when it does. */
  readonly waitMs?: number
}

function answering(fields: object, status = 200): Fault {
  const body = JSON.stringify({ token_type: 'Bearer', ...fields })
  return { kind: 'body', status, headers: { 'Content-Type': 'application/json' }, body }
}

/** @param elsewhere another host, where a redirect would have us go */
export function entraFaults(elsewhere: string): readonly EntraFault[] {
  return [
    { what: 'is down', fault: 'down', says: /could not be reached: .*connection refused/ },
    { what: 'never answers', fault: { kind: 'hang' }, says: /could not be reached: .*response timeout/ },
    { what: 'resets the connection', fault: { kind: 'reset' }, says: /connection terminated/ },
    {
      what: 'answers 429 and for how long',
      fault: { kind: 'status', status: 429, retryAfter: '120' },
      says: /answered 429.*throttles this tenant/,
      waitMs: 120_000,
    },
    {
      what: 'answers 429 and not for how long',
      fault: { kind: 'status', status: 429 },
      says: /answered 429/,
    },
    {
      what: 'answers 429 in plain text',
      fault: { kind: 'status', status: 429, code: 'plain', retryAfter: '60' },
      says: /answered 429 \(nothing that OAuth knows\)/,
      waitMs: 60_000,
    },
    { what: 'answers 500 with a page', fault: { kind: 'html', status: 500 }, says: /answered 500/ },
    { what: 'answers 502 with a page', fault: { kind: 'html', status: 502 }, says: /answered 502/ },
    { what: 'answers 200 with a page', fault: { kind: 'html' }, says: /answered 200 \(nothing/ },
    {
      what: 'answers 503 with an error of its own',
      fault: { kind: 'status', status: 503 },
      says: /answered 503 \(temporarily_unavailable.*tries again by itself/,
    },
    ...[302, 307, 308].map((status) => ({
      what: `redirects with ${status}`,
      fault: { kind: 'redirect', status, location: `${elsewhere}/token` } as const,
      says: new RegExp(`answered ${status}`),
    })),
    { what: 'cuts its answers', fault: { kind: 'truncate' }, says: /response incomplete/ },
    {
      what: 'cuts its JSON, and calls it whole',
      fault: { kind: 'body', status: 200, headers: {}, body: `{"access_token":"${accessToken}","expi` },
      says: /answered 200 \(nothing/,
    },
    {
      what: 'answers with a megabyte',
      fault: answering({ access_token: 'x'.repeat(2 ** 20), expires_in: 3599 }),
      says: /response body size/,
    },
    { what: 'answers without a token', fault: answering({ expires_in: 3599 }), says: /without|failed/ },
    ...[undefined, -5, 0, 'soon', 1e18].map((lifetime) => ({
      what: `says that its token lives for ${lifetime ?? 'nobody knows how many'} seconds`,
      fault: answering({ access_token: accessToken, expires_in: lifetime }),
      says: /too short to be used|lifetime that is no number/,
    })),
    {
      what: 'says that the secret has expired',
      fault: { kind: 'entraError', aadsts: 7000222 },
      says: /7000222.*the client secret has expired/,
    },
    {
      what: 'knows no such tenant',
      fault: { kind: 'entraError', aadsts: 90002 },
      says: /90002.*no such tenant/,
    },
  ]
}
