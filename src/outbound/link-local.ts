/**
 * The one exception to https: the metadata service that the platform gives to each machine (IMDS). It speaks plain http, at
 * an address that is never routed: what is sent there stays between this machine and its host. So nothing but GET, to
 * that address or to a stand-in on this machine, and through no proxy: one would be asked in this machine's place.
 *
 * @module
 */

import { Agent, type IncomingMessage, request as httpRequest } from 'node:http'
import type { Clock } from '../clock.ts'
import { asFailure, OutboundFailure } from './failure.ts'
import { type OutboundRequest, type OutboundResponse, readWhole } from './outbound.ts'

export type LinkLocalRequest = Pick<
  OutboundRequest,
  'origin' | 'target' | 'headers' | 'deadlineMs' | 'maxBodyBytes'
>

export interface LinkLocal {
  /**
   * Follows no redirect, and keeps no connection.
   *
   * @throws {OutboundFailure}
   */
  get(request: LinkLocalRequest): Promise<OutboundResponse>
  close(): void
}

/** Addresses, and no names: nobody is asked where they lead. */
const here = /^http:\/\/(?:169\.254\.169\.254|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/

export function createLinkLocal(clock: Clock): LinkLocal {
  // Of its own: Node may have been told (NODE_USE_ENV_PROXY) to lead the usual one through a proxy.
  const agent = new Agent({ keepAlive: false })

  async function get(request: LinkLocalRequest): Promise<OutboundResponse> {
    const { origin, target, headers, deadlineMs } = request
    if (!here.test(origin)) throw new TypeError(`neither IMDS nor on this machine: ${origin}`)
    const deadline = new AbortController()
    const cancelDeadline = clock.after(deadlineMs, () => deadline.abort())
    let receiving = false
    try {
      const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
      httpRequest(new URL(target, origin), { headers, agent, signal: deadline.signal })
        .on('response', resolve)
        .on('error', reject)
        .end()
      const response = await promise
      receiving = true
      const body = await readWhole(response, request)
      return { status: response.statusCode ?? 0, headers: response.headers, body }
    } catch (error) {
      if (error instanceof OutboundFailure || !deadline.signal.aborted) {
        throw asFailure(error, origin, receiving)
      }
      throw new OutboundFailure('http_response_timeout', origin, { cause: error })
    } finally {
      cancelDeadline()
    }
  }

  return { get, close: () => agent.destroy() }
}
