/**
 * Lists in pages: a page ends with `$top` or with what the server gives at most, and a link leads on.
 *
 * @module
 */

import { BadGraphRequest, writtenAddress } from './graph-address.ts'
import type { GraphAddress } from './graph-address.ts'
import type { Entity } from './graph-entities.ts'
import type { GraphOptions } from './graph-options.ts'

export interface Page {
  readonly members: readonly Entity[]
  /** Of all pages together. */
  readonly count: number
  /** Path and query. */
  readonly next: string | undefined
}

/** @throws BadGraphRequest when the `$skiptoken` is not one of this list with these options */
export function pageOf(
  list: readonly Entity[],
  address: GraphAddress,
  options: GraphOptions,
  pageSize: number,
): Page {
  const matching =
    options.filter === undefined ? list : list.filter((entity) => options.filter?.matches(entity))
  const start = options.skiptoken === undefined ? 0 : position(options.skiptoken, address, options)
  const end = start + Math.min(options.top ?? pageSize, pageSize)
  return {
    members: matching.slice(start, end),
    count: matching.length,
    next: end > start && end < matching.length ? link(end, address, options) : undefined,
  }
}

function link(at: number, address: GraphAddress, options: GraphOptions): string {
  const repeated = [
    options.count ? '$count=true' : '',
    options.filter === undefined ? '' : `$filter=${encodeURIComponent(options.filter.text)}`,
    options.select === undefined ? '' : `$select=${encodeURIComponent(options.select.join(','))}`,
    options.top === undefined ? '' : `$top=${options.top}`,
    `$skiptoken=${token(at, address, options)}`,
  ]
  return `/beta/${writtenAddress(address)}?${repeated.filter((option) => option !== '').join('&')}`
}

/** Where to go on, and in what: a token is of no use with another list, or with other options. */
function token(at: number, address: GraphAddress, { select, filter, top, count }: GraphOptions): string {
  const continued = [at, writtenAddress(address), select ?? null, filter?.text ?? null, top ?? null, count]
  return Buffer.from(JSON.stringify(continued)).toString('base64url')
}

function position(skiptoken: string, address: GraphAddress, options: GraphOptions): number {
  const [, digits] = /^\[(\d{1,9}),/.exec(Buffer.from(skiptoken, 'base64url').toString()) ?? []
  const at = Number(digits)
  if (digits !== undefined && skiptoken === token(at, address, options)) return at
  throw new BadGraphRequest('The specified skip token is not valid.')
}
