/**
 * Graph's reading of a URL: which session, and which of its properties.
 *
 * @module
 */

import { sessionProperties } from './sessions.ts'
import type { SessionProperty } from './sessions.ts'

export interface SessionAddress {
  readonly workspaceId: string
  readonly sessionId: string
}

/** What Graph says to a request it cannot make sense of (400). */
export class BadGraphRequest extends Error {}

/**
 * Keys come as segments or in parentheses, in any mixture; fixed segments match without case.
 *
 * @param path undecoded, `/beta/…`
 * @throws BadGraphRequest naming the segment that leads nowhere
 */
export function sessionAddress(path: string): SessionAddress {
  const segments = path
    .slice('/beta/'.length)
    .split('/')
    .flatMap((segment) => splitKey(decode(segment)))
  const [security, copilot, workspaces, workspaceId, sessions, sessionId, ...rest] = segments
  const fixed = [
    [security, 'security'],
    [copilot, 'securityCopilot'],
    [workspaces, 'workspaces'],
    [sessions, 'sessions'],
  ] as const
  for (const [segment, expected] of fixed) {
    if (segment?.toLowerCase() !== expected.toLowerCase()) throw noSegment(segment ?? segments.at(-1))
  }
  if (!workspaceId || !sessionId || rest.length > 0) throw noSegment(segments.at(-1))
  return { workspaceId, sessionId }
}

/**
 * @param query on beta `select` means `$select`; option and property names match without case
 * @returns undefined when nothing is selected; else each property once, in the order asked
 * @throws BadGraphRequest
 */
export function selection(query: URLSearchParams): readonly SessionProperty[] | undefined {
  let asked: string | undefined
  for (const [name, value] of query) {
    if (!/^\$?select$/i.test(name)) {
      throw new BadGraphRequest(
        `The query specified in the URI is not valid. Query option '${name}' is not allowed.`,
      )
    }
    if (asked !== undefined) {
      throw new BadGraphRequest(
        "Query option '$select' was specified more than once, but it must be specified at most once.",
      )
    }
    asked = value
  }
  return asked === undefined ? undefined : [...new Set(asked.split(',').map((name) => property(name.trim())))]
}

function property(name: string): SessionProperty {
  const found = sessionProperties.find((known) => known.toLowerCase() === name.toLowerCase())
  if (found !== undefined) return found
  throw new BadGraphRequest(
    `Parsing OData Select and Expand failed: Could not find a property named '${name}' on type 'microsoft.graph.security.securityCopilot.session'.`,
  )
}

/** `sessions('x')` is `sessions` and `x`; a quote inside a key is doubled. */
function splitKey(segment: string): string[] {
  const [, name, key] = /^([^(]+)\('(.*)'\)$/.exec(segment) ?? []
  return name === undefined || key === undefined ? [segment] : [name, key.replaceAll("''", "'")]
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new BadGraphRequest('The request URI is not valid.')
  }
}

function noSegment(segment: string | undefined): BadGraphRequest {
  return new BadGraphRequest(`Resource not found for the segment '${segment ?? ''}'.`)
}
