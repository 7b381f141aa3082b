/**
 * Where a Redis or Valkey server is. No message here repeats what was written: it may hold a password.
 *
 * @module
 */

import { parseListen } from './addresses.ts'

export interface RedisAddress {
  /** `rediss` is TLS. */
  scheme: 'redis' | 'rediss'
  /** Lower case; an IPv6 address has no brackets. */
  host: string
  port: number
}

/** What every client takes where no port is written. */
const defaultPort = 6379

/** @returns what is wrong with the text, when it is a string */
export function parseRedisUrl(text: string): RedisAddress | string {
  const [, written, rest = ''] = /^([a-z][a-z\d+.-]*):\/\/(.*)$/is.exec(text) ?? []
  if (written === undefined) return 'write it with its scheme, such as rediss://redis.example:6380'
  const scheme = written.toLowerCase()
  if (scheme !== 'redis' && scheme !== 'rediss') return 'expected rediss://… (TLS), or redis://…'
  // First of all: a password may hold any of the others.
  if (rest.includes('@')) {
    return 'holds credentials: write them into a file, and auth: { type: passwordFile, file: …, username: … }'
  }
  if (rest.includes('#')) return 'has a fragment, which means nothing here: end it after the port'
  if (rest.includes('?')) {
    return 'has a query, and options are keys of their own: write rediss:// for TLS, caFile, auth, timeout'
  }
  const authority = rest.replace(/\/$/, '')
  if (authority.includes('/')) {
    return 'has a path, and no database but 0 is used: end it after the port, and choose a prefix instead'
  }
  const isHostless = /^(?::|$)/.test(authority)
  const address = parseListen(/:\d+$/.test(authority) ? authority : `${authority}:${defaultPort}`)
  if (address === undefined || isHostless || address.port === 0) {
    return 'expected a host and perhaps a port, such as rediss://redis.example:6380 or rediss://[2001:db8::1]:6380'
  }
  return { scheme, host: address.host.toLowerCase(), port: address.port }
}
