/**
 * Who is reached without the proxy: decided once a connection, by the host and port that it is for, as they are
 * written. No name is looked up for it: often only the proxy knows what a name stands for.
 *
 * @module
 */

import { BlockList, isIP, isIPv4 } from 'node:net'

/** As the operator wrote it, taken apart. */
export interface Exemption {
  readonly hosts:
    | '*'
    | { readonly address: string; readonly prefix: number }
    | { readonly domain: string; readonly hasItself: boolean }
  /** Absent: every port. */
  readonly port?: number | undefined
}

/**
 * This machine is never reached through a proxy: there, its names would be another machine's.
 *
 * @param host as in a URL; an IPv6 address with brackets or without
 */
export type IsExempt = (host: string, port: number) => boolean

export function createIsExempt(exemptions: readonly Exemption[]): IsExempt {
  const rules = exemptions.map(({ hosts, port }) => ({ matches: matcher(hosts), port }))
  return (written, port) => {
    const host = written
      .toLowerCase()
      .replace(/^\[|\]$/g, '')
      .replace(/\.$/, '')
    return isLoopback(host) || rules.some((rule) => (rule.port ?? port) === port && rule.matches(host))
  }
}

function matcher(hosts: Exemption['hosts']): (host: string) => boolean {
  if (hosts === '*') return () => true
  if ('domain' in hosts) {
    const below = `.${hosts.domain}`
    return (host) => host.endsWith(below) || (hosts.hasItself && host === hosts.domain)
  }
  const list = new BlockList()
  const isV4 = isIPv4(hosts.address)
  list.addSubnet(hosts.address, hosts.prefix, isV4 ? 'ipv4' : 'ipv6')
  // IPv4 that is written as IPv6 is still IPv4, but a network of IPv6 is not meant for IPv4.
  return (host) =>
    isIP(host) !== 0 && (isV4 || !isIPv4(host)) && list.check(host, isIPv4(host) ? 'ipv4' : 'ipv6')
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** RFC 6761 §6.3 gives all below localhost to it. */
function isLoopback(host: string): boolean {
  if (isIP(host) !== 0) return loopback.check(host, isIPv4(host) ? 'ipv4' : 'ipv6')
  return host === 'localhost' || host.endsWith('.localhost')
}
