/**
 * The description of both ports, in OpenAPI 3.1.
 *
 * Made from what the code itself goes by, where it goes by tables: reads and their options, bounds, errors. The rest is
 * held against a running gateway by the tests.
 *
 * @module
 */

import { elsewhere, families, withoutBody } from './answers.ts'
import { graphTypes } from './graph-types.ts'
import { headerComponents } from './headers.ts'
import { managementPaths } from './management.ts'
import { parameterComponents } from './parameters.ts'
import { readPaths } from './reads.ts'

export interface Described {
  /** Of this program. */
  readonly version: string
  /** Where callers find the gateway, as an origin, if that is told. */
  readonly publicUrl: string | undefined
  /** Whether callers speak TLS to us. */
  readonly isSecure: boolean
  /** Property names that `$select` of a session may name. */
  readonly selectable: readonly string[]
}

export function openApiDocument({ version, publicUrl, isSecure, selectable }: Described): object {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Session Gateway',
      version,
      summary: 'Reads of Microsoft Security Copilot, with the identity that a service already has.',
      description: about,
    },
    servers: [serverFor(publicUrl, isSecure)],
    tags,
    paths: { ...readPaths(), ...managementPaths() },
    components: {
      securitySchemes: {
        callerToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'Your own workload token: of an issuer that the gateway trusts, and made for the gateway.',
        },
      },
      parameters: parameterComponents(selectable),
      headers: headerComponents,
      responses: responseComponents(),
      schemas: { error, ...graphTypes },
    },
    'x-other-paths': {
      reads: { $ref: '#/components/responses/unknownPath' },
      management: { $ref: '#/components/responses/unknownManagement' },
    },
  }
}

const about = `The bodies of reads are Graph's own, from its beta: they may change, and may have more properties than are named here.

OpenAPI has one spelling for a path. Graph has more, and so has the gateway: keys may stand in parentheses, as in
\`workspaces('default')/sessions('…')\`; the fixed parts of a path and the names of query options have no case; the
\`$\` of a query option may be left out. A query option that is not named here is refused.

What operations cannot say stands in \`x-other-methods\` of a path (the answer to every method that is not there) and in
\`x-other-paths\` (the answer to a known caller at every path that is not there).`

const tags = [
  {
    name: 'reads',
    description: 'For callers. HEAD answers as GET does, without the body. No request takes a body.',
  },
  {
    name: 'purges',
    description: 'On the management port, for callers whose access rule allows it. No purge takes a query.',
  },
  { name: 'management', description: 'On the management port, for probes, Prometheus and operators.' },
]

function serverFor(publicUrl: string | undefined, isSecure: boolean): object {
  if (publicUrl !== undefined) return { url: publicUrl, description: 'The callers’ port.' }
  return {
    url: `${isSecure ? 'https' : 'http'}://{gateway}`,
    description: 'The callers’ port (`server.listen`). Set `server.publicUrl`, and it stands here.',
    variables: {
      gateway: { default: 'session-gateway', description: 'The host by which you call it, and its port.' },
    },
  }
}

function responseComponents(): Readonly<Record<string, object>> {
  const ofFamilies = Object.entries(families).flatMap(([family, responses]) =>
    Object.entries(responses).flatMap(([status, response]) => [
      [`${family}.${status}`, response],
      ...(family === 'session' || family === 'passedOn'
        ? [[`${family}.${status}.head`, withoutBody(response)]]
        : []),
    ]),
  )
  return { ...Object.fromEntries(ofFamilies), ...elsewhere }
}

const id = { type: 'string' }

/** Graph's error envelope ("Microsoft Graph error responses and resource types"). */
const error = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message', 'innerError'],
      properties: {
        code: { type: 'string', description: 'For programs: what happened.' },
        message: { type: 'string', description: 'For people, and may change.' },
        innerError: {
          type: 'object',
          required: ['date', 'request-id', 'client-request-id'],
          properties: {
            date: {
              type: 'string',
              description: 'UTC, as Graph writes it.',
              examples: ['2026-11-24T02:20:19'],
            },
            'request-id': id,
            'client-request-id': id,
          },
          additionalProperties: false,
        },
      },
      additionalProperties: false,
    },
  },
  additionalProperties: false,
}
