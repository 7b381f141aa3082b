/**
 * What exactly is to be purged. Pure, like the reading of a read, and of the same ids.
 *
 * @module
 */

import { InvalidRequest, UnknownPurge } from './errors.ts'
import { canonicalSessionId, canonicalWorkspaceId } from './request.ts'
import { decodePathSegments, lowerCase } from './target.ts'

export interface PurgeRequest {
  /** `null`: every workspace. */
  readonly workspaceId: string | null
  /** `null`: every session. */
  readonly sessionId: string | null
}

/**
 * `/cache`, `/cache/workspaces/{workspaceId}` or `/cache/workspaces/{workspaceId}/sessions/{sessionId}`.
 *
 * @param target the request target as it came over the wire
 * @throws {InvalidRequest} 400
 * @throws {UnknownPurge} 404
 */
export function parsePurgeRequest(target: string): PurgeRequest {
  if (target.includes('?')) throw new InvalidRequest('A purge takes no query.')
  const [root = '', workspaces, workspaceId, sessions, sessionId, ...more] = decodePathSegments(target)
  const names = [root, workspaces ?? 'workspaces', sessions ?? 'sessions'].map(lowerCase)
  const isKnown = names.join('/') === 'cache/workspaces/sessions' && more.length === 0
  if (!isKnown || (workspaces === undefined) !== (workspaceId === undefined)) throw new UnknownPurge()
  if ((sessions === undefined) !== (sessionId === undefined)) throw new UnknownPurge()
  return {
    workspaceId: workspaceId === undefined ? null : canonicalWorkspaceId(workspaceId),
    sessionId: sessionId === undefined ? null : canonicalSessionId(sessionId),
  }
}
