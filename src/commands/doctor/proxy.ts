/**
 * The egress proxy itself: is it there, and does it take us? Whether it lets us through to each of those we ask, their own
 * lines say.
 *
 * @module
 */

import { type Outbound, OutboundFailure } from '../../outbound/index.ts'
import { failed, ok, type Told, warning } from './line.ts'

const remedy =
  'see outbound.proxy and outbound.proxyAuth (or HTTPS_PROXY), and that this machine reaches the proxy; whom it is not for stands in outbound.noProxy'

/** @param origins whom the proxy is for; the first of them is asked for */
export async function examineProxy(
  outbound: Outbound,
  origins: readonly string[],
  deadlineMs: number,
): Promise<{ readonly told: Told; readonly value?: true }> {
  const [origin, ...others] = origins
  if (origin === undefined)
    return { told: ok('nobody is reached through it: see outbound.noProxy'), value: true }
  const told = ok(`it is there, for ${[origin, ...others].join(', ')}`)
  try {
    await outbound.send({
      origin,
      target: '/',
      method: 'GET',
      headers: { accept: '*/*', 'user-agent': 'session-gateway' },
      deadlineMs,
      maxBodyBytes: 64 * 1024,
    })
    return { told, value: true }
  } catch (error) {
    if (!(error instanceof OutboundFailure)) throw error
    if (isOfProxy(error)) return { told: failed(error.message, remedy) }
    // Neither says whose silence it is.
    return error.kind === 'http_response_timeout'
      ? { told: warning(error.message, remedy), value: true }
      : { told, value: true }
  }
}

/** Through a proxy, names are its own to look up, and connections its own to make: ours is to the proxy alone. */
function isOfProxy({ kind, message }: OutboundFailure): boolean {
  const isBeforeIt = kind === 'dns_error' || kind === 'connection_refused' || kind === 'connection_timeout'
  // It refuses one of them; the others may be let through.
  const isForOne = message.includes('have ') && message.includes(' allowed there')
  return isBeforeIt || (kind === 'proxy_configuration_error' && !isForOne)
}
