/**
 * The callers' port: a path for each read that `session` knows.
 *
 * @module
 */

import { graphRoot, type ListOption, type Read, type Resource, resources } from '../../session/index.ts'
import { singular } from '../exchange.ts'
import { type Response, referred } from './answers.ts'
import { graphBody, graphPage } from './graph-types.ts'
import { type HeaderKey, identifying, named } from './headers.ts'
import { given, type ParameterKey } from './parameters.ts'

export function readPaths(): Readonly<Record<string, object>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its own keys
  const reads = Object.entries(resources) as [Read, Resource][]
  return Object.fromEntries(reads.map(([read, resource]) => [pathOf(resource), pathItem(read, resource)]))
}

function pathOf({ path, isList }: Resource): string {
  const segments = path.map((collection, at) =>
    isList && at === path.length - 1 ? collection : `${collection}/{${singular[collection]}Id}`,
  )
  return `${graphRoot}/${segments.join('/')}`
}

const okHeaders = {
  session: [...identifying, 'mayBeKept', 'cacheStatus', 'age', 'etag', 'odataVersion'],
  passedOn: [...identifying, 'notKept', 'cacheStatus', 'odataVersion'],
} as const satisfies Readonly<Record<string, readonly HeaderKey[]>>

function pathItem(read: Read, resource: Resource): object {
  const family = read === 'session' ? 'session' : 'passedOn'
  const ok: Response = {
    description: 'As Graph answered it.',
    headers: named(okHeaders[family]),
    content: { 'application/json': { schema: graphBody(read, resource.isList) } },
  }
  const { operationId, what } = wordsFor(resource)
  return {
    parameters: given(parametersOf(read, resource)),
    get: {
      tags: ['reads'],
      operationId,
      summary: `Read ${what}`,
      description: `Access rules grant it as \`${read}\`. ${family === 'session' ? 'Answers come from the cache, where it has them.' : 'Passed on from Graph, and not kept.'}`,
      externalDocs: { url: graphPage(read) },
      security: [{ callerToken: [] }],
      responses: { 200: ok, ...referred(family) },
    },
  }
}

/** In the manner of Graph's own descriptions: `security.securityCopilot.workspaces.ListSessions`. */
function wordsFor({ path, isList }: Resource): { operationId: string; what: string } {
  const last = path.at(-1) ?? 'workspaces'
  const name = `${isList ? 'List' : 'Get'}${last.charAt(0).toUpperCase()}${last.slice(1)}`
  return {
    operationId: ['security.securityCopilot', ...path.slice(0, -1), name].join('.'),
    what: isList ? `a list of ${last}` : `one ${singular[last]}`,
  }
}

const optionParameters = { $count: 'count', $filter: 'filter', $top: 'top' } as const satisfies Readonly<
  Record<ListOption, ParameterKey>
>

function parametersOf(read: Read, { path, isList, options }: Resource): ParameterKey[] {
  const withId = ['workspaceId', 'sessionId', 'promptId', 'evaluationId'] as const
  const ids = withId.slice(0, isList ? path.length - 1 : path.length)
  if (read === 'session') {
    return [...ids, 'selectOfSession', 'ifNoneMatch', 'cacheControl', 'clientRequestId']
  }
  return [
    ...ids,
    'select',
    ...options.map((option) => optionParameters[option]),
    ...(isList ? (['skiptoken', 'skip'] as const) : []),
    'onlyIfCached',
    'clientRequestId',
  ]
}
