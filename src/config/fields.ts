/**
 * The kinds of value a key can take. The title of each finishes the sentence "expected …": the error
 * messages, the JSON Schema and the reference all say it with the same words.
 *
 * @module
 */

import * as z from 'zod'
import {
  guidPattern,
  httpsUrlPattern,
  listenPattern,
  metadataOriginPattern,
  originPattern,
  parseHttpsUrl,
  parseListen,
  parseMetadataOrigin,
  parseOrigin,
  tenantPattern,
} from './addresses.ts'
import { networkPattern, parseNetwork, type Network } from './networks.ts'
import { exemptionPattern, parseExemption, parseProxy, type ProxyAddress } from './proxy.ts'
import { parseRedisUrl, type RedisAddress } from './redis-url.ts'
import { Secret } from './secret.ts'
import {
  durationPattern,
  parseDuration,
  parsePercent,
  parseRate,
  parseSize,
  percentPattern,
  ratePattern,
  sizePattern,
} from './units.ts'

/** Milliseconds. Bounds are inclusive and written like the value. */
export function duration(from: string, to: string) {
  const title = `a duration from ${from} to ${to}`
  return parsed(title, durationPattern, within(parseDuration, from, to))
}

/** Bytes. Bounds are inclusive and written like the value. */
export function size(from: string, to: string) {
  return parsed(`a size from ${from} to ${to}`, sizePattern, within(parseSize, from, to))
}

/** A share of one. Bounds are inclusive and written like the value. */
export function percent(from: string, to: string) {
  const title = `a percentage from ${from} to ${to}`
  return parsed(title, percentPattern, within(parsePercent, from, to))
}

export function count(from: number, to: number) {
  return z
    .int()
    .min(from)
    .max(to)
    .meta({ title: `a whole number from ${from} to ${to}` })
}

export function rate() {
  return parsed('a rate such as 50/s or 100/m', ratePattern, parseRate)
}

export function listen() {
  return parsed('an address such as ":8443", "127.0.0.1:8443" or "[::1]:8443"', listenPattern, parseListen)
}

export function network() {
  return z
    .string()
    .regex(networkPattern)
    .transform((written, context): Network => {
      const parsedNetwork = parseNetwork(written)
      if (typeof parsedNetwork !== 'string') return parsedNetwork
      context.addIssue({ code: 'custom', message: parsedNetwork })
      return z.NEVER
    })
    .meta({ title: 'an address or a network, such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32' })
}

/** A string is what is wrong with the text: it alone is shown, and never the text. */
export function proxy() {
  return z
    .union([
      // Helm reads YAML 1.1, where an unquoted off is the boolean false.
      z.literal(['off', false]).transform(() => 'off' as const),
      z.string().transform((written, context): ProxyAddress => {
        const address = parseProxy(written)
        if (typeof address !== 'string') return address
        context.addIssue({ code: 'custom', message: address })
        return z.NEVER
      }),
    ])
    .meta({ title: 'an http:// or https:// URL of host and port, or "off"' })
}

/** A string is what is wrong with the text, as with {@link proxy}. */
export function redisUrl() {
  return z
    .string()
    .transform((written, context): RedisAddress => {
      const address = parseRedisUrl(written)
      if (typeof address !== 'string') return address
      context.addIssue({ code: 'custom', message: address })
      return z.NEVER
    })
    .meta({ title: 'a rediss:// or redis:// URL of host and port' })
}

export function exemption() {
  const title = 'a host, .domain, *.domain, *, an address or a network, perhaps with a port'
  return parsed(title, exemptionPattern, parseExemption)
}

export function origin() {
  return parsed('an https origin: no path, query or user name', originPattern, parseOrigin)
}

export function metadataOrigin() {
  return parsed(
    'http://169.254.169.254, or an http origin on this machine such as http://127.0.0.1:8081',
    metadataOriginPattern,
    parseMetadataOrigin,
  )
}

export function httpsUrl() {
  return parsed('an https URL', httpsUrlPattern, parseHttpsUrl)
}

export function guid() {
  return text('a GUID', guidPattern)
}

export function tenant() {
  return text(
    'a tenant: its GUID or a verified domain name, not common, organizations or consumers',
    tenantPattern,
  )
}

/** The key of an issuer or a rule. Never integer-like: JavaScript would reorder it, and order decides. */
export function name() {
  return text(
    'a name: lower-case letters, digits and dashes, a letter first, at most 63',
    /^[a-z][a-z0-9-]{0,62}$/,
  )
}

export function filePath() {
  return z.string().min(1).max(4096).meta({ title: 'a file path' })
}

export function secret() {
  return z
    .string()
    .min(1)
    .transform((value) => new Secret(value))
    .meta({ title: 'a secret text', writeOnly: true })
}

export function text(title: string, pattern: RegExp) {
  return z.string().regex(pattern).meta({ title })
}

/** Printable text, as it appears in a token's claim. */
export function claimText(title: string) {
  // oxlint-disable-next-line eslint/no-control-regex -- \p{Cc} needs a flag, which JSON Schema has no place for
  return text(title, /^[^\u0000-\u001f\u007f-\u009f]{1,255}$/)
}

function parsed<T>(title: string, pattern: RegExp, parse: (text: string) => T | undefined) {
  return z
    .string()
    .regex(pattern)
    .transform((written, context): T => {
      const value = parse(written)
      if (value !== undefined) return value
      context.addIssue({ code: 'invalid_format', format: 'regex', input: written })
      return z.NEVER
    })
    .meta({ title })
}

function within(parse: (text: string) => number | undefined, from: string, to: string) {
  const least = parse(from) ?? Infinity
  const most = parse(to) ?? -Infinity
  return (written: string) => {
    const value = parse(written)
    return value !== undefined && value >= least && value <= most ? value : undefined
  }
}
