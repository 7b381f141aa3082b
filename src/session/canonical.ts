import type { SessionRequest } from './request.ts'

/**
 * The cache key. Two requests have the same key exactly when they mean the same: ids hold neither `/` nor `?`,
 * names no comma, and "every property" (no `?`) differs from every list of names.
 */
export function sessionKey(request: SessionRequest): string {
  const resource = `${request.workspaceId}/${request.sessionId}`
  return request.select === null ? resource : `${resource}?${request.select.join(',')}`
}

/** Every key that questions about one session can have: one for each choice of properties. */
export function sessionKeys(
  { workspaceId, sessionId }: Pick<SessionRequest, 'workspaceId' | 'sessionId'>,
  selectable: readonly string[],
): string[] {
  const choices = selectable
    .toSorted()
    .reduce<string[][]>((chosen, name) => [...chosen, ...chosen.map((names) => [...names, name])], [[]])
  return choices.map((names) =>
    sessionKey({ workspaceId, sessionId, select: names.length === 0 ? null : names }),
  )
}

/** The one request target that this question has upstream (Graph: "Get session"). */
export function graphTarget(request: SessionRequest): string {
  const path = `/beta/security/securityCopilot/workspaces/${request.workspaceId}/sessions/${request.sessionId}`
  return request.select === null ? path : `${path}?$select=${request.select.join(',')}`
}
