/**
 * Who is at the other end: the socket's address, or, where that is a proxy which the operator trusts, the address that
 * the proxy saw. No other header than `X-Forwarded-For` is ever read for it.
 *
 * Not proxy-addr: what it gives is whatever stands in the header, an address or not, and however long that is. Node's own
 * BlockList knows addresses and networks.
 *
 * @module
 */

import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv4, SocketAddress, type Socket } from 'node:net'

export interface Peer {
  readonly ip: string | undefined
  /** Of the socket, and only where `ip` is the socket's too. */
  readonly port: number | undefined
  /** The trusted proxies between, the nearest to us last. */
  readonly proxies?: readonly string[]
}

export interface TrustedNetwork {
  readonly address: string
  readonly prefix: number
}

/** Longer chains are not followed: what is behind counts as not said. */
const mostProxies = 8

export type PeerOf = (request: Pick<IncomingMessage, 'socket' | 'headers'>) => Peer

export function createPeerOf(trusted: readonly TrustedNetwork[]): PeerOf {
  if (trusted.length === 0) return socketPeer
  const list = new BlockList()
  for (const { address, prefix } of trusted) list.addSubnet(address, prefix, familyOf(address))
  const isTrusted = (address: string): boolean => list.check(address, familyOf(address))
  /** A connection has one other end. */
  const fromProxy = new WeakMap<Socket, boolean>()

  return (request) => {
    const { socket, headers } = request
    const direct = socketPeer(request)
    if (direct.ip === undefined) return direct
    let mayForward = fromProxy.get(socket)
    if (mayForward === undefined) {
      mayForward = isTrusted(direct.ip)
      fromProxy.set(socket, mayForward)
    }
    // Node joins several lines with commas, in order; so does the standard (RFC 9110 §5.3).
    const written = headers['x-forwarded-for']
    if (!mayForward || written === undefined) return direct
    const chain = forwardedFor(String(written), direct.ip, isTrusted)
    const [ip] = chain
    return chain.length === 1 ? direct : { ip, port: undefined, proxies: chain.slice(1) }
  }
}

/** From the caller to the proxy that is connected to us, as far as trusted proxies vouch for it. */
function forwardedFor(header: string, nearest: string, isTrusted: (address: string) => boolean): string[] {
  const chain = [nearest]
  let end = header.length
  while (end >= 0 && chain.length <= mostProxies) {
    const comma = header.lastIndexOf(',', end - 1)
    const address = addressIn(header.slice(comma + 1, end))
    // Whatever stands left of it was not written by anybody whom we trust.
    if (address === undefined) return chain
    chain.unshift(address)
    if (comma === -1 || !isTrusted(address)) return chain
    end = comma
  }
  return chain
}

/** An address with or without a port, as proxies write it. One spelling for each: logs and records are searched. */
function addressIn(entry: string): string | undefined {
  const text = entry.trim()
  if (text.length > 64) return undefined
  const [, bare = text] =
    /^\[([^\]]+)\](?::\d{1,5})?$/.exec(text) ?? /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(text) ?? []
  if (isIP(bare) === 0) return undefined
  if (isIPv4(bare)) return bare
  const { address } = new SocketAddress({ address: withoutZone(bare), family: 'ipv6' })
  return plain(address)
}

/** The same object for each request of a connection: what is made of it is made once. */
const socketPeers = new WeakMap<Socket, Peer>()

function socketPeer({ socket }: Pick<IncomingMessage, 'socket'>): Peer {
  const known = socketPeers.get(socket)
  if (known !== undefined) return known
  const { remoteAddress, remotePort } = socket
  const peer = { ip: remoteAddress === undefined ? undefined : plain(remoteAddress), port: remotePort }
  // Of one that has gone nothing can be said any more.
  if (remoteAddress !== undefined) socketPeers.set(socket, peer)
  return peer
}

/** IPv4 as itself, and IPv6 without its zone, which means nothing elsewhere. */
function plain(address: string): string {
  return withoutZone(address).replace(/^::ffff:(?=\d+\.)/i, '')
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, '')
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6'
}
