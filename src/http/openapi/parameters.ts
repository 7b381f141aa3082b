/**
 * The parameters of both ports, with the bounds that `session` has for them.
 *
 * @module
 */

import {
  guid,
  longestFilter,
  longestPage,
  mostPerPage,
  mostProperties,
  propertyName,
  safeIdentifier,
} from '../../session/index.ts'
import { repeatedId } from '../exchange.ts'

const sessionId = 'ecdfb9b3-58f5-457f-a18c-4a477890b252'

function id(name: string, description: string, pattern: RegExp, example: string): object {
  const schema = { type: 'string', pattern: pattern.source, examples: [example] }
  return { name, in: 'path', required: true, description, schema }
}

function query(name: string, description: string, schema: object, more: object = {}): object {
  return { name, in: 'query', description, schema, ...more }
}

function header(name: string, description: string, schema: object): object {
  return { name, in: 'header', description, schema: { type: 'string', ...schema } }
}

const names = { style: 'form', explode: false }

/**
 * For `components.parameters`.
 *
 * @param selectable the names that `$select` of a session takes
 */
export function parameterComponents(selectable: readonly string[]) {
  return {
    workspaceId: id(
      'workspaceId',
      '`default`, a GUID, or another id. `default` and the GUID of that workspace are two different things here, in access rules and in the cache.',
      safeIdentifier,
      'default',
    ),
    sessionId: id('sessionId', 'A GUID.', guid, sessionId),
    promptId: id('promptId', 'A GUID, or another id.', safeIdentifier, sessionId),
    evaluationId: id('evaluationId', 'A GUID, or another id.', safeIdentifier, sessionId),
    selectOfSession: query(
      '$select',
      'The properties to answer with, in any case and order. Each choice is kept for itself.',
      { type: 'array', minItems: 1, items: { enum: selectable } },
      names,
    ),
    select: query(
      '$select',
      'The properties to answer with.',
      {
        type: 'array',
        minItems: 1,
        maxItems: mostProperties,
        items: { type: 'string', pattern: propertyName.source },
      },
      names,
    ),
    count: query('$count', 'Whether to say how long the whole list is.', { type: 'boolean' }),
    filter: query(
      '$filter',
      'Property names, operators, functions, numbers, dates and texts in single quotes; no paths. What makes sense is for Graph to say.',
      {
        type: 'string',
        minLength: 1,
        maxLength: longestFilter,
        examples: ["displayName eq 'Incident 4711'"],
      },
    ),
    top: query('$top', 'The most members of one page.', {
      type: 'integer',
      minimum: 1,
      maximum: mostPerPage,
    }),
    skiptoken: query('$skiptoken', 'As it stands in `@odata.nextLink`: follow that instead of making one.', {
      type: 'string',
      minLength: 1,
      maxLength: longestPage,
    }),
    skip: query('$skip', 'As it stands in `@odata.nextLink`. Not together with `$skiptoken`.', {
      type: 'integer',
      minimum: 0,
      maximum: 999_999_999,
    }),
    ifNoneMatch: header(
      'If-None-Match',
      'Entity tags that you have, or `*`: 304 where one of them still holds.',
      {
        examples: ['"PZ3pgDd4T6g"'],
      },
    ),
    cacheControl: header(
      'Cache-Control',
      '`only-if-cached` counts for everybody; `no-cache`, `no-store`, `max-age`, `min-fresh` and `max-stale` only where the access rule has `mayBypassCache`.',
      { examples: ['only-if-cached'] },
    ),
    onlyIfCached: header(
      'Cache-Control',
      '`only-if-cached` is always 504 `notCached`, as nothing of this is kept. The rest of it is ignored.',
      {},
    ),
    clientRequestId: header(
      'client-request-id',
      'Your own id of this request. It is repeated in the answer and in the audit record; what has another form is ignored.',
      { pattern: repeatedId.source },
    ),
  } as const satisfies Readonly<Record<string, object>>
}

export type ParameterKey = keyof ReturnType<typeof parameterComponents>

export function given(keys: readonly ParameterKey[]): readonly object[] {
  return keys.map((key) => ({ $ref: `#/components/parameters/${key}` }))
}
