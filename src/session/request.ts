/**
 * What exactly is asked: one session of one workspace, in one canonical form. Pure: no I/O, no clock.
 *
 * Graph has several spellings for one question (two key forms, `$select` with or without its `$`, names in any
 * case and order). All of them become the same `SessionRequest`, so they meet the same rule, the same cache
 * entry and the same bytes upstream. What has no place in that form is refused, never passed on.
 *
 * @module
 */

import { decodePathSegments, decodeQuery, lowerCase } from './target.ts'
import { InvalidRequest, UnknownResource } from './errors.ts'

export interface SessionRequest {
  /** `default`, a lower-case GUID, or another identifier exactly as the caller wrote it. */
  readonly workspaceId: string
  /** A lower-case GUID. */
  readonly sessionId: string
  /** Property names in canonical case, sorted, each once; `null` asks for every property. */
  readonly select: readonly string[] | null
}

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const safeIdentifier = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/
const keyed = /^(workspaces|sessions)\('([^']*)'\)$/i

/** Where the Security Copilot API begins; fixed segments match without case (Graph: "Traverse the graph"). */
export const apiRoot = ['beta', 'security', 'securitycopilot'] as const

/**
 * @param target the request target as it came over the wire, in origin form
 * @param selectable property names that `$select` may name, in canonical case
 * @throws {InvalidRequest} 400: the message names what is allowed
 * @throws {UnknownResource} 404: no session read has this path
 */
export function parseSessionRequest(target: string, selectable: readonly string[]): SessionRequest {
  const queryAt = target.indexOf('?')
  const path = queryAt === -1 ? target : target.slice(0, queryAt)
  const query = queryAt === -1 ? '' : target.slice(queryAt + 1)

  const [workspaceId, sessionId] = parsePath(path)
  return {
    workspaceId: canonicalWorkspaceId(workspaceId),
    sessionId: canonicalSessionId(sessionId),
    select: parseSelect(query, selectable),
  }
}

/** Both key forms, `workspaces/default` and `workspaces('default')`, may be mixed in one path. */
function parsePath(path: string): [workspaceId: string, sessionId: string] {
  const segments = decodePathSegments(path)
  if (apiRoot.some((name, index) => lowerCase(segments[index] ?? '') !== name)) throw new UnknownResource()

  const keys: string[] = []
  let at: number = apiRoot.length
  for (const collection of ['workspaces', 'sessions']) {
    const segment = segments[at] ?? ''
    const inParentheses = keyed.exec(segment)
    if (inParentheses !== null && lowerCase(inParentheses[1] ?? '') === collection) {
      keys.push(inParentheses[2] ?? '')
      at += 1
    } else if (lowerCase(segment) === collection && segments[at + 1] !== undefined) {
      keys.push(segments[at + 1] ?? '')
      at += 2
    } else {
      throw new UnknownResource()
    }
  }
  if (at !== segments.length) throw new UnknownResource()
  const [workspaceId = '', sessionId = ''] = keys
  if (workspaceId === '' || sessionId === '') throw new UnknownResource()
  return [workspaceId, sessionId]
}

export function canonicalWorkspaceId(id: string): string {
  if (guid.test(id)) return id.toLowerCase()
  if (safeIdentifier.test(id)) return id
  throw new InvalidRequest(
    'The workspace id must be "default", a GUID, or up to 64 letters, digits, "-" and "_" that begin with a letter or digit.',
  )
}

export function canonicalSessionId(id: string): string {
  if (guid.test(id)) return id.toLowerCase()
  throw new InvalidRequest('The session id must be a GUID, as in ecdfb9b3-58f5-457f-a18c-4a477890b252.')
}

function parseSelect(query: string, selectable: readonly string[]): readonly string[] | null {
  let select: readonly string[] | null = null
  for (const [name, value] of decodeQuery(query)) {
    const option = lowerCase(name)
    if (option !== '$select' && option !== 'select') {
      throw new InvalidRequest('The only query option of this resource is $select.')
    }
    if (select !== null) throw new InvalidRequest('$select may be given once.')
    select = canonicalSelect(value, selectable)
  }
  return select
}

function canonicalSelect(value: string, selectable: readonly string[]): readonly string[] {
  const chosen = new Set<string>()
  for (const asked of value.split(',')) {
    const known = selectable.find((name) => lowerCase(name) === lowerCase(asked))
    if (known === undefined) {
      throw new InvalidRequest(
        `$select takes a comma-separated list of these names, without spaces: ${selectable.join(', ')}.`,
      )
    }
    chosen.add(known)
  }
  return [...chosen].toSorted()
}
