import type { SessionRequest } from './request.ts'

/**
 * The cache key. Two requests have the same key exactly when they mean the same: ids hold neither `/` nor `?`,
 * names no comma, and "every property" (no `?`) differs from every list of names.
 */
export function sessionKey(request: SessionRequest): string {
  const resource = `${request.workspaceId}/${request.sessionId}`
  return request.select === null ? resource : `${resource}?${request.select.join(',')}`
}

/** The one request target that this question has upstream (Graph: "Get session"). */
export function graphTarget(request: SessionRequest): string {
  const path = `/beta/security/securityCopilot/workspaces/${request.workspaceId}/sessions/${request.sessionId}`
  return request.select === null ? path : `${path}?$select=${request.select.join(',')}`
}
