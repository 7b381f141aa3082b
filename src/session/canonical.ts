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
  return [resource, ...choicesOf(selectable).map((names) => withProperties(resource, names))]
}

/** Each choice of one name or more, sorted. */
function choicesOf(selectable: readonly string[]): readonly string[][] {
  return selectable
    .toSorted()
    .reduce<string[][]>((chosen, name) => [...chosen, [name], ...chosen.map((names) => [...names, name])], [])
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

const canonicalTarget =
  /^\/beta\/security\/securityCopilot\/workspaces\/([a-z0-9][a-z0-9_-]{0,63})\/sessions\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(\?.*)?$/

/**
 * Reads targets that are in the canonical form already, as those of nearly all callers are: `graphTarget` of what it
 * returns is the target itself.
 *
 * @param selectable property names that `$select` may name, in canonical case
 * @returns for a target: undefined where `parseReadRequest` has to say what it means, or what is wrong with it
 */
export function createCanonicalReader(
  selectable: readonly string[],
): (target: string) => SessionRequest | undefined {
  const selections = new Map<string, readonly string[]>(
    choicesOf(selectable).map((names) => [`?$select=${names.join(',')}`, names]),
  )
  return (target) => {
    const match = canonicalTarget.exec(target)
    const workspaceId = match?.[1]
    const sessionId = match?.[2]
    if (workspaceId === undefined || sessionId === undefined) return undefined
    const query = match?.[3]
    if (query === undefined) return { read: 'session', workspaceId, sessionId, select: null }
    const select = selections.get(query)
    return select && { read: 'session', workspaceId, sessionId, select }
  }
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
