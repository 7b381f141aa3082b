/**
 * Where to listen, whom to call, and the names Microsoft gives to tenants and applications.
 *
 * @module
 */

import { isIPv4, isIPv6 } from 'node:net'

/** `host` is `::` (every interface) when only a port was written. Port 0 lets the system choose. */
export interface Listen {
  host: string
  port: number
}

export const listenPattern = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]*):\d{1,5}$/

/** @returns undefined unless the text is `:port`, `host:port`, `1.2.3.4:port` or `[ipv6]:port` */
export function parseListen(text: string): Listen | undefined {
  if (!listenPattern.test(text)) return undefined
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, colon)
  const port = Number(text.slice(colon + 1))
  if (port > 65_535) return undefined
  if (host === '') return { host: '::', port }
  if (host.startsWith('[')) {
    const address = host.slice(1, -1)
    return isIPv6(address) ? { host: address, port } : undefined
  }
  return isIPv4(host) || isHostName(host) ? { host, port } : undefined
}

/** Only this machine can connect: 127.0.0.0/8, ::1 or localhost. */
export function isLoopback(host: string): boolean {
  return host === '::1' || host.toLowerCase() === 'localhost' || (isIPv4(host) && host.startsWith('127.'))
}

export const originPattern = /^https:\/\/[^\s/?#@\\]+\/?$/

/** @returns `https://host[:port]` without a trailing slash, or undefined for anything more or less than that */
export function parseOrigin(text: string): string | undefined {
  return originPattern.test(text) && URL.canParse(text) ? new URL(text).origin : undefined
}

/** IMDS, or a stand-in by its loopback address: nothing that a name or a route could lead elsewhere. */
export const metadataOriginPattern =
  /^http:\/\/(?:169\.254\.169\.254|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?\/?$/

/** @returns `http://address[:port]` without a trailing slash */
export function parseMetadataOrigin(text: string): string | undefined {
  return metadataOriginPattern.test(text) && URL.canParse(text) ? new URL(text).origin : undefined
}

export const httpsUrlPattern = /^https:\/\/[^\s#\\]+$/

/** @returns the text, character for character: issuers are compared exactly (OpenID Connect Discovery §4.3) */
export function parseHttpsUrl(text: string): string | undefined {
  if (!httpsUrlPattern.test(text) || !URL.canParse(text)) return undefined
  const { username, password } = new URL(text)
  return username === '' && password === '' ? text : undefined
}

export const guidPattern = /^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/

/** A GUID, or a DNS name of at least two labels. `common`, `organizations` and `consumers` are neither. */
export const tenantPattern =
  /^(?:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9])$/

/** A last label of digits only means a mistyped IPv4 address, as in the URL standard. */
function isHostName(host: string): boolean {
  const labels = host.split('.')
  return (
    host.length <= 253 &&
    labels.every((label) => /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label)) &&
    !/^\d+$/.test(labels.at(-1) ?? '')
  )
}
