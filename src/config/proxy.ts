/**
 * The egress proxy, and who is reached without it. No message here repeats what was written as a proxy: it may hold
 * a password.
 *
 * @module
 */

import { isIP, isIPv4 } from 'node:net'
import { domainToASCII } from 'node:url'
import type { Network } from './networks.ts'

export interface ProxyAddress {
  scheme: 'http' | 'https'
  /** An IPv6 address has no brackets. */
  host: string
  port: number
}

/** Whom the proxy is not for: every host, an address or a network, or a domain, with its own name or only what is below. */
export interface Exemption {
  hosts: '*' | Network | { domain: string; hasItself: boolean }
  /** Every port, when there is none. */
  port?: number
}

/** @returns what is wrong with the text, when it is a string */
export function parseProxy(text: string): ProxyAddress | string {
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === undefined) return 'write it with its scheme, such as http://proxy.example:3128'
  if (scheme.startsWith('socks')) return 'SOCKS is not spoken: give an HTTP proxy, http://… or https://…'
  if (scheme !== 'http' && scheme !== 'https') return 'expected http://… or https://…'
  if (!URL.canParse(text)) return 'expected a host and a port, such as http://proxy.example:3128'
  const { username, password, hostname, port, pathname, search, hash } = new URL(text)
  if (username !== '' || password !== '') return 'holds credentials: they belong into outbound.proxyAuth'
  if (pathname !== '/' || search !== '' || hash !== '') {
    return 'a proxy is a host and a port, and there is more here; a PAC file is not read'
  }
  const defaultPort = scheme === 'http' ? 80 : 443
  return { scheme, host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? defaultPort : Number(port) }
}

/** `HTTPS_PROXY`, taken apart. */
export interface SplitProxy {
  address: ProxyAddress
  /** The same as a URL. */
  written: string
  /** `user:password` */
  credentials: string | undefined
}

/**
 * Here a scheme may be missing (curl and Go then take http), and credentials may stand.
 *
 * @returns what is wrong with the text, when it is a string
 */
export function splitProxy(text: string): SplitProxy | string {
  const whole = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(whole)) return unreadable
  const url = new URL(whole)
  const { username, password } = url
  url.username = ''
  url.password = ''
  const written = url.href.replace(/\/$/, '')
  const address = parseProxy(written)
  if (typeof address === 'string') return address
  if (username === '' && password === '') return { address, written, credentials: undefined }
  try {
    const [user, secret] = [decodeURIComponent(username), decodeURIComponent(password)]
    if (/:/.test(user)) return 'a user name with a colon cannot be sent to a proxy (RFC 7617)'
    return { address, written, credentials: `${user}:${secret}` }
  } catch {
    return unreadable
  }
}

const unreadable =
  'expected http://user:password@host:port (what was found is not shown); in a password write @ : / ? # % as %40 and so on'

export const exemptionPattern = /^[^\s,]{1,300}$/

/** @returns undefined unless it is a host, `.domain`, `*.domain`, `*` or an address, each perhaps with a port, or a network */
export function parseExemption(text: string): Exemption | undefined {
  const addresses = parseAddresses(text)
  if (addresses !== undefined) return { hosts: addresses }
  const { host = '', port } =
    /^(?<host>\[[^\]/]*\]|[^:/]*)(?::(?<port>[1-9]\d{0,4}))?$/.exec(text)?.groups ?? {}
  const hosts = host === '*' ? host : (parseAddresses(host.replace(/^\[|\]$/g, '')) ?? parseDomain(host))
  if (hosts === undefined || Number(port ?? 0) > 65_535) return undefined
  return port === undefined ? { hosts } : { hosts, port: Number(port) }
}

/** Bits beyond the prefix are passed over, as everybody does who reads `NO_PROXY`. */
function parseAddresses(text: string): Network | undefined {
  const { address = '', written } = /^(?<address>[^/]*)(?:\/(?<written>\d{1,3}))?$/.exec(text)?.groups ?? {}
  if (isIP(address) === 0) return undefined
  const bits = isIPv4(address) ? 32 : 128
  const prefix = written === undefined ? bits : Number(written)
  return prefix > bits ? undefined : { address, prefix }
}

/** A last label of digits only means a mistyped address, as in the URL standard. */
function parseDomain(text: string): { domain: string; hasItself: boolean } | undefined {
  const name = text.replace(/^\*?\./, '')
  const domain = domainToASCII(name.replace(/\.$/, ''))
  const labels = domain.split('.')
  const isName = labels.every((label) => /^[a-z\d_](?:[a-z\d_-]{0,61}[a-z\d_])?$/.test(label))
  if (!isName || domain.length > 253 || /^\d+$/.test(labels.at(-1) ?? '')) return undefined
  return { domain, hasItself: name === text }
}
