/**
 * What exactly is asked, in one canonical form. Pure: no I/O, no clock.
 *
 * Graph has several spellings for one question (two key forms, `$select` with or without its `$`, names in any
 * case and order). All of them become the same request, so they meet the same rule, the same cache entry and the same
 * bytes upstream. What has no place in that form is refused, never passed on.
 *
 * @module
 */

import { InvalidRequest, UnknownResource } from './errors.ts'
import { type ListOptions, parseOptions, parseSelect } from './options.ts'
import { type Read, readAt, resources } from './resources.ts'
import { decodePathSegments, lowerCase } from './target.ts'

export type ReadRequest = SessionRequest | OtherRequest

/** One session: the read whose answers are kept. */
export interface SessionRequest {
  readonly read: 'session'
  /** `default`, a lower-case GUID, or another identifier exactly as the caller wrote it. */
  readonly workspaceId: string
  /** A lower-case GUID. */
  readonly sessionId: string
  /** Property names in canonical case, sorted, each once; `null` asks for every property. */
  readonly select: readonly string[] | null
}

/** Any other documented read. */
export interface OtherRequest {
  readonly read: Exclude<Read, 'session'>
  /** `null` in the list of workspaces, which is in none of them. */
  readonly workspaceId: string | null
  /** Of the workspace, the session, the prompt and the evaluation, as far as the path goes. GUIDs are in lower case. */
  readonly ids: readonly string[]
  /** Property names as they were written, sorted, each once; `null` asks for every property. */
  readonly select: readonly string[] | null
  readonly options: ListOptions
}

export const guid = /^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$/
/** A GUID is one, too. */
export const safeIdentifier = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/
const keyed = /^([a-z]+)\('([^']*)'\)$/i

/** Where the Security Copilot API begins; fixed segments match without case (Graph: "Traverse the graph"). */
export const apiRoot = ['beta', 'security', 'securitycopilot'] as const

/**
 * @param target the request target as it came over the wire, in origin form
 * @param selectable property names that `$select` of a session may name, in canonical case
 * @throws {InvalidRequest} 400: the message names what is allowed
 * @throws {UnknownResource} 404: no documented read has this path
 */
export function parseReadRequest(target: string, selectable: readonly string[]): ReadRequest {
  const queryAt = target.indexOf('?')
  const path = queryAt === -1 ? target : target.slice(0, queryAt)
  const query = queryAt === -1 ? '' : target.slice(queryAt + 1)

  const { read, keys } = parsePath(path)
  const ids = keys.map((key, index) => canonicalId[index]?.(key) ?? '')
  const [workspaceId = null, sessionId = ''] = ids
  if (read === 'session' && workspaceId !== null) {
    return { read, workspaceId, sessionId, select: parseSelect(query, selectable) }
  }
  if (read === 'session') throw new UnknownResource()
  return { read, workspaceId, ids, ...parseOptions(query, resources[read].options) }
}

/** Both key forms, `workspaces/default` and `workspaces('default')`, may be mixed in one path. */
function parsePath(path: string): { read: Read; keys: string[] } {
  const segments = decodePathSegments(path)
  if (apiRoot.some((name, index) => lowerCase(segments[index] ?? '') !== name)) throw new UnknownResource()

  const collections: string[] = []
  const keys: string[] = []
  for (let at: number = apiRoot.length; at < segments.length; at += 1) {
    const segment = segments[at] ?? ''
    const [, name, inParentheses] = keyed.exec(segment) ?? []
    collections.push(lowerCase(name ?? segment))
    if (name === undefined) at += 1
    const key = inParentheses ?? segments[at]
    if (key === '') throw new UnknownResource()
    if (key !== undefined) keys.push(key)
  }
  const read = readAt(collections, keys.length < collections.length)
  if (read === undefined) throw new UnknownResource()
  return { read, keys }
}

/** In the order of a path: a workspace's id, a session's, a prompt's and an evaluation's. */
const canonicalId: readonly ((key: string) => string)[] = [
  canonicalWorkspaceId,
  canonicalSessionId,
  (key) => canonicalIdentifier(key, 'The prompt id must be'),
  (key) => canonicalIdentifier(key, 'The evaluation id must be'),
]

export function canonicalWorkspaceId(id: string): string {
  return canonicalIdentifier(id, 'The workspace id must be "default",')
}

function canonicalIdentifier(id: string, beginning: string): string {
  if (guid.test(id)) return id.toLowerCase()
  if (safeIdentifier.test(id)) return id
  throw new InvalidRequest(
    `${beginning} a GUID, or up to 64 letters, digits, "-" and "_" that begin with a letter or digit.`,
  )
}

export function canonicalSessionId(id: string): string {
  if (guid.test(id)) return id.toLowerCase()
  throw new InvalidRequest('The session id must be a GUID, as in ecdfb9b3-58f5-457f-a18c-4a477890b252.')
}
