/**
 * Addresses and networks whose word is taken: `10.0.0.0/8`, `192.0.2.7`, `2001:db8::/32`.
 *
 * @module
 */

import { BlockList, isIP, isIPv4, SocketAddress } from 'node:net'

export interface Network {
  address: string
  /** How many bits of it count. */
  prefix: number
}

export const networkPattern = /^[0-9A-Fa-f:.]{2,45}(?:\/\d{1,3})?$/

/** @returns the network, or what is wrong with the text */
export function parseNetwork(text: string): Network | string {
  const [address = '', written] = text.split('/')
  if (!networkPattern.test(text) || isIP(address) === 0) {
    return 'expected an address or a network, such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32'
  }
  const bits = isIPv4(address) ? 32 : 128
  const prefix = written === undefined ? bits : Number(written)
  if (prefix > bits) return `a network has at most /${bits} here`
  if (prefix === 0) return '/0 is every address: whoever connects could name any address as their own'
  const canonical = new SocketAddress({ address, family: bits === 32 ? 'ipv4' : 'ipv6' }).address
  if (bits === 128 && canonical.includes('.')) {
    return `write IPv4 as IPv4: ${canonical.replace(/^.*:/, '')} with a prefix of at most 32`
  }
  const set = bitsOf(canonical).lastIndexOf('1')
  if (set >= prefix) {
    return `has bits beyond /${prefix}: write the network's own address, or /${bits} for this one alone`
  }
  if (bits === 128 && holdsAllOfIPv4(canonical, prefix)) {
    return 'is so wide that it holds every IPv4 address, too: write the networks that your proxies are in'
  }
  return { address: canonical, prefix }
}

/** IPv4 is a part of IPv6 (RFC 4291 §2.5.5.2), and is looked up as that. */
function holdsAllOfIPv4(address: string, prefix: number): boolean {
  const list = new BlockList()
  list.addSubnet(address, prefix, 'ipv6')
  return list.check('192.0.2.1', 'ipv4')
}

/** @param address canonical */
function bitsOf(address: string): string {
  if (isIPv4(address))
    return address
      .split('.')
      .map((part) => binary(Number(part), 8))
      .join('')
  const [head = '', tail] = address.split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const [left, right] = [groups(head), groups(tail ?? '')]
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...zeros, ...right].map((group) => binary(Number.parseInt(group, 16), 16)).join('')
}

function binary(value: number, length: number): string {
  return value.toString(2).padStart(length, '0')
}
