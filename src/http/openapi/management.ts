/**
 * The management port: probes, metrics, this document, and purges.
 *
 * @module
 */

import { type Response, referred } from './answers.ts'
import { identifying, named } from './headers.ts'
import { given, type ParameterKey } from './parameters.ts'

/** Where this document is found is where these paths are. */
const servers = [
  { url: '/', description: 'The management port (`server.management.listen`): not for callers.' },
]

export function managementPaths(): Readonly<Record<string, object>> {
  return {
    '/livez': probe('GetLive', 'Does the process answer?', {
      200: answer('It does.', 'application/json', statusSchema('alive')),
    }),
    '/readyz': probe('GetReady', 'Shall callers be sent here?', {
      200: answer('They shall.', 'application/json', readiness('ready')),
      503: answer('They shall not, at least not yet.', 'application/json', readiness('unready')),
    }),
    '/metrics': probe('GetMetrics', 'What Prometheus collects', {
      200: answer('In its text format.', 'text/plain', { type: 'string' }),
    }),
    '/openapi.json': probe('GetOpenApi', 'This document', {
      200: answer('OpenAPI 3.1.', 'application/json', { type: 'object', required: ['openapi'] }),
    }),
    '/cache': purge('cache.Purge', 'everything', []),
    '/cache/workspaces/{workspaceId}': purge('cache.PurgeWorkspaces', 'workspace', ['workspaceId']),
    '/cache/workspaces/{workspaceId}/sessions/{sessionId}': purge(
      'cache.workspaces.PurgeSessions',
      'session',
      ['workspaceId', 'sessionId'],
    ),
  }
}

function probe(name: string, summary: string, responses: Readonly<Record<number, Response>>): object {
  return {
    servers,
    get: {
      tags: ['management'],
      operationId: `management.${name}`,
      summary,
      security: [],
      responses: { ...responses, ...referred('management') },
    },
  }
}

function answer(description: string, type: string, schema: object): Response {
  return { description, headers: named(['noSniff', 'notKept']), content: { [type]: { schema } } }
}

function statusSchema(status: string, more: object = {}): object {
  const properties = { status: { const: status }, ...more }
  return { type: 'object', required: Object.keys(properties), properties, additionalProperties: false }
}

function readiness(status: string): object {
  const description = 'What does not work just now. It alone makes nothing unready.'
  return statusSchema(status, { degraded: { type: 'array', items: { type: 'string' }, description } })
}

const scopes = {
  everything: 'Everything that is kept is forgotten.',
  workspace: 'What is kept of this workspace is forgotten, under this name of it.',
  session: 'What is kept of this session is forgotten, every `$select` of it.',
}

function purge(
  operationId: string,
  scope: keyof typeof scopes,
  ids: readonly ('workspaceId' | 'sessionId')[],
): object {
  const idOrNull = (id: 'workspaceId' | 'sessionId'): object => ({
    type: ids.includes(id) ? 'string' : 'null',
  })
  const properties = {
    purged: { const: scope },
    workspaceId: idOrNull('workspaceId'),
    sessionId: idOrNull('sessionId'),
  }
  const ok: Response = {
    description: 'It is done, at this replica.',
    headers: named([...identifying, 'notKept']),
    content: {
      'application/json': {
        schema: {
          type: 'object',
          required: Object.keys(properties),
          properties,
          additionalProperties: false,
        },
      },
    },
  }
  const parameters: readonly ParameterKey[] = [...ids, 'clientRequestId']
  return {
    servers,
    parameters: given(parameters),
    delete: {
      tags: ['purges'],
      operationId,
      summary: `Purge ${scope === 'everything' ? scope : `one ${scope}`}`,
      description: `${scopes[scope]} For callers whose access rule has \`admin: [purge]\`; of everything, in every workspace. Asking again does no harm.`,
      security: [{ callerToken: [] }],
      responses: { 200: ok, ...referred('purge') },
    },
  }
}
