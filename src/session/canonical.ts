import type { OtherRequest, ReadRequest, SessionRequest } from './request.ts'
import { resources } from './resources.ts'

/**
 * The cache key. Two requests have the same key exactly when they mean the same: ids hold neither `/` nor `?`,
 * names no comma, and "every property" (no `?`) differs from every list of names.
 */
export function sessionKey(request: Omit<SessionRequest, 'read'>): string {
  return withProperties(`${request.workspaceId}/${request.sessionId}`, request.select)
}

function withProperties(resource: string, select: readonly string[] | null): string {
  return select === null ? resource : `${resource}?${select.join(',')}`
}

/**
 * Every key that questions about one session can have: one for each choice of properties.
 *
 * @param resource the key of the question about all of them
 */
export function sessionKeys(resource: string, selectable: readonly string[]): string[] {
  const choices = selectable
    .toSorted()
    .reduce<string[][]>((chosen, name) => [...chosen, ...chosen.map((names) => [...names, name])], [[]])
  return choices.map((names) => withProperties(resource, names.length === 0 ? null : names))
}

/** Where the API begins, as Graph spells it. */
export const graphRoot = '/beta/security/securityCopilot'

/** The one request target that this question has upstream. */
export function graphTarget(request: ReadRequest): string {
  if (request.read === 'session') {
    const path = `${graphRoot}/workspaces/${request.workspaceId}/sessions/${request.sessionId}`
    return request.select === null ? path : `${path}?$select=${request.select.join(',')}`
  }
  const { path } = resources[request.read]
  const segments = path.flatMap((collection, index) => [collection, request.ids[index] ?? []].flat())
  const query = queryOf(request)
  return `${graphRoot}/${segments.join('/')}${query === '' ? '' : `?${query}`}`
}

function queryOf({ select, options: { filter, count, top, page } }: OtherRequest): string {
  return [
    ...(select === null ? [] : [`$select=${select.join(',')}`]),
    ...(filter === undefined
      ? []
      : [`$filter=${encodeURIComponent(filter).replaceAll('%2C', ',').replaceAll('%3A', ':')}`]),
    ...(count === undefined ? [] : [`$count=${count}`]),
    ...(top === undefined ? [] : [`$top=${top}`]),
    ...(page === undefined ? [] : [`${page.option}=${page.value}`]),
  ].join('&')
}
