/**
 * The one way out: every request that the gateway itself makes, to Entra, to Graph, to an issuer, leaves here.
 *
 * Whatever answers is not trusted to be quick, small or complete: each exchange has a deadline in all and a bound on
 * its body, follows no redirect, and ends either in a whole response or in an `OutboundFailure`. Only https is spoken,
 * HTTP/1.1, and nothing is added to the headers that the caller gives but `host`, `connection` and a body's length.
 *
 * @module
 */

import type { Agent as NodeAgent } from 'node:https'
import { Agent } from 'undici'
import { trusted } from '../authorities.ts'
import type { Clock } from '../clock.ts'
import { ConnectorAgent } from './agent.ts'
import { createConnector } from './connector.ts'
import type { Exemption } from './exemptions.ts'
import { asFailure, type FailureKind, OutboundFailure } from './failure.ts'
import { Gathering } from './gathering.ts'
import type { EgressProxy } from './tunnel.ts'

export interface OutboundRequest {
  /** As in `https://graph.microsoft.com`. */
  readonly origin: string
  /** Sent as it is: path and query, in origin form. */
  readonly target: string
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** Connecting, waiting and reading, all together. */
  readonly deadlineMs: number
  readonly maxBodyBytes: number
  /** Not on one that is kept, and not kept after: another try, where the one before may have been at fault. */
  readonly onNewConnection?: boolean
}

export interface OutboundResponse {
  readonly status: number
  /** Names in lower case. A header that came twice is a list. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

export interface Outbound {
  /** @throws {OutboundFailure} */
  send(request: OutboundRequest): Promise<OutboundResponse>
  /** For what streams through: connections as `send` makes them, kept as it keeps them. It knows no deadline. */
  readonly agent: NodeAgent
  /** As `agent`, and keeps no connection. */
  readonly freshAgent: NodeAgent
  /** @returns the origin, and the proxy that it is reached through: for what is said of a failure */
  readonly wayTo: (origin: string) => string
  close(): Promise<void>
}

export interface OutboundOptions {
  readonly clock: Clock
  /** PEM certificates trusted besides the system's own. */
  readonly extraCa?: string | undefined
  /** PEM certificates trusted instead of the system's own (a Kubernetes API server's). */
  readonly onlyCa?: string
  /** Absent: whoever is asked is asked directly, whatever the environment says. */
  readonly proxy?: EgressProxy | undefined
  /** Whom the proxy is not for. */
  readonly noProxy?: readonly Exemption[]
  /** To one origin, for `send`: what is more waits for its turn, within its deadline. Absent: as many as are needed. */
  readonly mostConnections?: number
}

/** Idle connections are dropped before the other side's usual 60 s or more, so that few requests meet a dead one. */
const keepAliveMs = 30_000

export function createOutbound({
  clock,
  extraCa,
  onlyCa,
  mostConnections,
  ...way
}: OutboundOptions): Outbound {
  const ca = onlyCa ?? [...trusted(), ...(extraCa === undefined ? [] : [extraCa])]
  const connector = createConnector({ clock, ca, ...way })
  const options: Agent.Options = {
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    connect: connector.connect,
    connections: mostConnections ?? null,
  }
  const keeping = new Agent({ ...options, pipelining: 1 })
  // Zero is how undici is told to keep no connection.
  const fresh = new Agent({ ...options, pipelining: 0 })
  const agent = new ConnectorAgent(connector, { keepAlive: true, timeout: keepAliveMs })
  const freshAgent = new ConnectorAgent(connector, { keepAlive: false })

  async function send(request: OutboundRequest): Promise<OutboundResponse> {
    if (!request.origin.startsWith('https://')) throw new TypeError(`not an https origin: ${request.origin}`)
    const { origin, target: path, method, headers, body = null, deadlineMs, maxBodyBytes } = request
    const failure = (kind: FailureKind): OutboundFailure => new OutboundFailure(kind, connector.wayTo(origin))
    const gathering = new Gathering(maxBodyBytes, () => failure('http_response_body_size'))
    const cancelDeadline = clock.after(deadlineMs, () => gathering.fail(failure('http_response_timeout')))
    try {
      const dispatcher = request.onNewConnection === true ? fresh : keeping
      dispatcher.dispatch({ origin, path, method, headers, body }, gathering)
      return await gathering.response
    } catch (error) {
      throw asFailure(error, connector.wayTo(origin), gathering.hasBegun)
    } finally {
      cancelDeadline()
    }
  }

  async function close(): Promise<void> {
    connector.end()
    agent.destroy()
    freshAgent.destroy()
    await Promise.all([keeping.destroy(), fresh.destroy()])
  }

  return { send, agent, freshAgent, wayTo: connector.wayTo, close }
}

/** @throws {OutboundFailure} longer than that; and whatever the stream ends in */
export async function readWhole(
  stream: AsyncIterable<Buffer>,
  { origin, maxBodyBytes }: Pick<OutboundRequest, 'origin' | 'maxBodyBytes'>,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream) {
    bytes += chunk.length
    // Leaving the loop destroys the stream, and with it the connection: nobody reads the rest.
    if (bytes > maxBodyBytes) throw new OutboundFailure('http_response_body_size', origin)
    chunks.push(chunk)
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, bytes)
}
