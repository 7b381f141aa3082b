/**
 * How a connection is made, the same for both lanes: undici's own agents and Node's are handed this one function, so
 * that trust, name check, time and the way through the proxy are the same whoever asks.
 *
 * @module
 */

import { isIPv6, Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import { buildConnector } from 'undici'
import type { Clock } from '../clock.ts'
import { createIsExempt, type Exemption } from './exemptions.ts'
import { asFailure, OutboundFailure } from './failure.ts'
import { checked, type EgressProxy, nameOf, openTunnel } from './tunnel.ts'

export interface Connector {
  readonly connect: buildConnector.connector
  /** @returns the origin, and the proxy that it is reached through: for what is said of a failure */
  readonly wayTo: (origin: string) => string
  /** Ends what is only being made, which no agent knows of yet, and makes none any more. */
  readonly end: () => void
}

export interface ConnectorOptions {
  readonly clock: Clock
  /** The authorities that are trusted, and no others. */
  readonly ca: string | string[]
  readonly proxy?: EgressProxy | undefined
  /** Whom the proxy is not for. */
  readonly noProxy?: readonly Exemption[] | undefined
}

type Outcome = Parameters<buildConnector.Callback>

/** In all: the tunnel, where there is one, and TLS. */
const connectTimeoutMs = 10_000

export function createConnector({ clock, ca, proxy, noProxy = [] }: ConnectorOptions): Connector {
  /** Each ends one. */
  const connecting = new Set<(why: Error) => void>()
  let hasEnded = false
  // Made once: reading hundreds of authorities anew would take longer than connecting.
  const secureContext = createSecureContext({ ca })
  const overTls = buildConnector({ allowH2: false, timeout: connectTimeoutMs, secureContext, ...checked })
  const isExempt = createIsExempt(noProxy)

  function proxyFor(hostname: string, port: string): EgressProxy | undefined {
    return proxy === undefined || isExempt(hostname, portOf(port)) ? undefined : proxy
  }

  function wayTo(origin: string): string {
    const { hostname, port } = new URL(origin)
    const through = proxyFor(hostname, port)
    return through === undefined ? origin : `${origin}, through ${nameOf(through)}`
  }

  /** @returns ends it */
  function handshake(
    options: buildConnector.Options,
    callback: buildConnector.Callback,
  ): (why: Error) => void {
    // It returns the socket, whatever its type says.
    const socket: unknown = overTls(options, callback)
    return (why) => {
      if (socket instanceof Socket) socket.destroy(why)
    }
  }

  function connectDirectly(options: buildConnector.Options, callback: buildConnector.Callback): void {
    const end = handshake(options, (...outcome) => {
      connecting.delete(end)
      callback(...outcome)
    })
    connecting.add(end)
  }

  async function connectThrough(
    through: EgressProxy,
    options: buildConnector.Options,
    callback: buildConnector.Callback,
  ): Promise<void> {
    callback(...(await tunnelled(through, options)))
  }

  /** Never rejects. */
  async function tunnelled(through: EgressProxy, options: buildConnector.Options): Promise<Outcome> {
    const { hostname } = options
    const authority = `${isIPv6(hostname) ? `[${hostname}]` : hostname}:${portOf(options.port)}`
    const place = wayTo(`https://${authority}`)
    const attempt = new AbortController()
    const { signal } = attempt
    const end = (why: Error): void => attempt.abort(why)
    connecting.add(end)
    const cancelTimer = clock.after(connectTimeoutMs, () =>
      end(new OutboundFailure('connection_timeout', place)),
    )
    try {
      const httpSocket = await openTunnel(through, authority, { secureContext, signal })
      const { promise, resolve } = Promise.withResolvers<Outcome>()
      const endHandshake = handshake({ ...options, httpSocket }, (...outcome) => resolve(outcome))
      signal.addEventListener('abort', () => endHandshake(stopping()), { once: true })
      if (signal.aborted) endHandshake(stopping())
      const [error, socket] = await promise
      if (error === null && !hasEnded) return [null, socket]
      // Its agent may have been closed meanwhile, and would leave it behind.
      socket?.destroy()
      throw error ?? stopping()
    } catch (error) {
      return [asFailure(signal.aborted ? signal.reason : error, place), null]
    } finally {
      cancelTimer()
      connecting.delete(end)
    }
  }

  return {
    wayTo,
    connect(options, callback) {
      const through = proxyFor(options.hostname, options.port)
      if (hasEnded) callback(stopping(), null)
      else if (through === undefined) connectDirectly(options, callback)
      else void connectThrough(through, options, callback)
    },
    end() {
      hasEnded = true
      for (const endOne of connecting) endOne(stopping())
    },
  }
}

/** Of https, where none is written. */
function portOf(port: string): number {
  return port === '' ? 443 : Number(port)
}

function stopping(): Error {
  return new Error('the gateway is stopping')
}
